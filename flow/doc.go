// Package flow is flow control: what may be handed to workers, and when. Applications name a message's keys, groups and
// expiry in symphony.DispatchOptions and need little of this package: [Limits] for their storage, and [ControlOf] to pause,
// resume, drain and purge.
package flow
