package flow

import (
	"strconv"
	"strings"

	"github.com/symphony-messenger/symphony"
)

// TurnLine and OrderLine are how the names of lines begin.
const (
	TurnLine  = "turn:"
	OrderLine = "order:"
)

// GroupTurn is how many messages of one group may stand in line at a time. When one of them is claimed, the group's
// next goes to the end of the line, behind the other groups'.
const GroupTurn = 16

// HasLine reports whether a message stands in line, or waits for that: whether it is of a group.
func HasLine(f *symphony.Flow) bool { return f != nil && f.GroupKey != "" }

// lineName is the name of the line in which a message stands or for which it waits, empty without a group. lane is its
// storage's number of its lane, rank that of its priority.
func lineName(lane int64, rank int, f *symphony.Flow) string {
	switch {
	case !HasLine(f):
		return ""
	case f.Ordered:
		return OrderLine + strconv.FormatInt(lane, 10) + ":" + f.GroupKey
	}
	return TurnLine + strconv.FormatInt(lane, 10) + ":" + strconv.Itoa(rank) + ":" + f.GroupKey
}

// isLine reports whether a gate is the line of a group.
func isLine(gate string) bool { return isTurnLine(gate) || strings.HasPrefix(gate, OrderLine) }

func isTurnLine(gate string) bool { return strings.HasPrefix(gate, TurnLine) }

// lineLength is how many messages a line may have.
func lineLength(line string) int {
	if isTurnLine(line) {
		return GroupTurn
	}
	return 1
}

// lineGroup is the group of a line.
func lineGroup(line string) string {
	parts := 2 // order:lane:group
	if isTurnLine(line) {
		parts = 3 // turn:lane:rank:group
	}
	for range parts {
		_, line, _ = strings.Cut(line, ":")
	}
	return line
}
