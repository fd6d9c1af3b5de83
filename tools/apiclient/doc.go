// Package apiclient is where the end-to-end tests compile the client that oapi-codegen makes of the OpenAPI document. All
// that stands here is the library that such a client needs, so that its version is pinned.
package apiclient

import _ "github.com/oapi-codegen/runtime"
