package flow

import "time"

// StarvationAge and StarvationShare keep low priorities alive: while messages of higher priority keep coming, one
// claimed message in StarvationShare goes to the message that has been ready longest, whatever its priority, once that
// has waited for StarvationAge. Younger messages keep the strict order.
const (
	StarvationAge   = time.Minute
	StarvationShare = 10
)

// FairShare counts how many of a queue's claims are due to messages that low priority has kept waiting (see
// StarvationAge). Each transport keeps one for each queue, so that the rule is the same everywhere. The zero value is
// ready to use. It is not safe for concurrent use.
type FairShare struct{ credit int }

// Reserve returns how many of the next n claimed messages may go to the longest waiting ones.
func (f *FairShare) Reserve(n int) int { return (f.credit + n) / StarvationShare }

// Spend records a claim of n messages, of which starved went to the longest waiting ones. Shares that nobody needed
// are not saved up.
func (f *FairShare) Spend(n, starved int) {
	f.credit = min(f.credit+n-starved*StarvationShare, StarvationShare-1)
}
