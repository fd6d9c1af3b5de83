// Package wire has the JSON shapes of the HTTP API, shared by the server (package httpapi) and the Go client (package
// client). The struct tags also make the OpenAPI document. Durations are in milliseconds, times RFC 3339 in UTC.
package wire
