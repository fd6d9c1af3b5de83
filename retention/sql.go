package retention

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/symphony-messenger/symphony"
)

// SQL is an expression for the period of a row in microseconds, by the rules alone: what a message says itself is for
// the storage to look at first. typ is the column of the message's type; place is a condition on where it was, with
// {transport} and {queue} for literals, of which the one without a queue is transport.
func (r *Rules) SQL(outcome symphony.Status, typ, transport, place string) string {
	if period, always := r.Always(outcome); always {
		return micros(period)
	}
	var b strings.Builder
	b.WriteString("CASE")
	for _, rule := range r.by[outcome] {
		switch prefix, begins := strings.CutSuffix(rule.Pattern, "*"); {
		case rule.Pattern == "*":
			fmt.Fprintf(&b, " WHEN true")
		case begins:
			fmt.Fprintf(&b, " WHEN substr(%s, 1, %d) = %s", typ, utf8.RuneCountInString(prefix), literal(prefix))
		case rule.Pattern != "":
			fmt.Fprintf(&b, " WHEN %s = %s", typ, literal(rule.Pattern))
		case rule.Queue != "":
			b.WriteString(" WHEN " + strings.NewReplacer("{transport}", literal(rule.Transport),
				"{queue}", literal(rule.Queue)).Replace(place))
		case rule.Transport != "":
			b.WriteString(" WHEN " + strings.ReplaceAll(transport, "{transport}", literal(rule.Transport)))
		default:
			b.WriteString(" ELSE " + micros(rule.Period))
			continue
		}
		b.WriteString(" THEN " + micros(rule.Period))
	}
	return b.String() + " END"
}

// micros is a period in microseconds. One that does not end is longer than any time that is stored.
func micros(period interface{ Microseconds() int64 }) string {
	return strconv.FormatInt(period.Microseconds(), 10)
}

// literal is a text in SQL. Patterns and names consist of printable characters.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
