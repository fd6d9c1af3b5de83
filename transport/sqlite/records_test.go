package sqlite

import (
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
)

// A range is looked for between its bounds: a record that is not there costs no look at those behind it.
func TestRecords_are_found_between_the_bounds_of_a_range(t *testing.T) {
	tr, err := OpenTemporary(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	where, args := recordRange("k", "a", "b")
	var plan []string
	err = tr.read(t.Context(), "explain in", func(r *reader) error {
		return r.query("EXPLAIN QUERY PLAN SELECT "+recordColumns.String()+" FROM messenger_records WHERE "+where+" ORDER BY id LIMIT +?", func(s *sqlite.Stmt) bool {
			plan = append(plan, s.ColumnText(3))
			return true
		}, append(args, 1)...)
	})
	if got, want := strings.Join(plan, "; "), "(kind=? AND id>? AND id<?)"; err != nil || !strings.Contains(got, want) || strings.Contains(got, "TEMP") {
		t.Errorf("the plan is %s, %v; want one that searches by %s", got, err, want)
	}
}
