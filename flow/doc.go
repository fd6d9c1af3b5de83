// Package flow is flow control: which messages may be handed to workers, and when. Its rules stand here and nowhere
// else.
//
// Applications name a message's keys, group and expiry in symphony.DispatchOptions. Of this package they need [Limits],
// which they give to their storage, and [ControlOf], to pause, resume, drain and purge. The rest is for storages:
// [Engine] decides, in one transaction of theirs, and [Store] is what it asks of them.
//
// # Words
//
// A lane has the ready messages of a queue, in the order in which they are claimed. Messages under flow control have a
// second lane of their own in each queue; all others are claimed without a look.
//
// A gate is where messages wait, by name. Behind it are those that have passed: they hold a place each until they
// depart. Before it are those that may not pass yet: they are parked, in no lane, in the order of their priority and
// time. There are three kinds of gates:
//
//   - A limit's gate: so many places, or so many passes in a time. There is one for each limited type, queue and key.
//   - A hold's gate: closed until the pause of some types is over.
//   - A group's line: what of a group is in its lane. Groups that take turns have a line of [GroupTurn] messages for
//     each priority, which a message leaves when it is claimed. The line of an ordered group is one message long:
//     the one in it stays there until it is finished.
//
// A pass is what a delivery holds: its places behind limits, and its group's line.
//
// # What happens to a message
//
// It is met when it is dispatched: one with the same debounce key that waits gives way to it, one with the same
// throttle key has it dropped. It enters: the line of its group, or else its lane. When it is next in its lane it is
// admitted, or parked before the first gate that is closed. Admitted, it has begun: its debounce or throttle key is
// free, and it does not expire any more. When its delivery ends it departs: its places are given to those that are
// parked, and its line advances. Time wakes gates: that of a rate which opens, that of a line whose next message has
// its time, and each gate now and then in case that its limit was raised. What is deleted, or expires, while it waits
// is withdrawn from all this.
//
// Why a message waits is a [Wait].
package flow
