package main

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// topStyles are the colours of the screen.
type topStyles struct{ title, header, chosen, dim, good, bad lipgloss.Style }

func newTopStyles(dark bool) topStyles {
	pick := lipgloss.LightDark(dark)
	plain := lipgloss.NewStyle()
	return topStyles{
		title:  plain.Bold(true),
		header: plain.Bold(true).Foreground(pick(lipgloss.Color("#005f87"), lipgloss.Color("#87d7ff"))),
		chosen: plain.Reverse(true),
		dim:    plain.Faint(true),
		good:   plain.Foreground(pick(lipgloss.Color("#007700"), lipgloss.Color("#87d787"))),
		bad:    plain.Foreground(pick(lipgloss.Color("#af0000"), lipgloss.Color("#ff8787"))),
	}
}

// View draws the screen.
func (m *top) View() tea.View {
	styles := newTopStyles(m.dark)
	var lines []string
	if m.detailOf != nil {
		lines = append(lines, m.fit(styles.title.Render("Failed message "+m.detailOf.ID)))
		lines = append(lines, strings.Split(m.detail.View(), "\n")...)
	} else {
		lines = m.overview(styles)
	}
	bottom := strings.Split(m.footer(styles), "\n")
	room := max(m.height-len(bottom), 1)
	if len(lines) > room {
		lines = lines[:room]
	}
	for len(lines) < room {
		lines = append(lines, "")
	}
	v := tea.NewView(strings.Join(append(lines, bottom...), "\n"))
	v.AltScreen = true
	v.WindowTitle = "symphony top"
	return v
}

// fit cuts a line to the width of the screen.
func (m *top) fit(line string) string { return lipgloss.NewStyle().MaxWidth(m.width).Render(line) }

// overview is the three panes under a line of totals. Queues and workers get what they need of half the screen, and
// failures the rest.
func (m *top) overview(s topStyles) []string {
	pending, processing, failed, perSecond := m.now.totals(m.before)
	state := s.good.Render("●") + " live"
	switch {
	case m.now.err != nil:
		state = s.bad.Render("● no answer: " + oneLine(m.now.err.Error(), 60))
	case m.now.at.IsZero():
		state = s.dim.Render("● looking…")
	case m.frozen:
		state = s.dim.Render("● frozen")
	}
	at := ""
	if !m.now.at.IsZero() {
		at = m.now.at.Local().Format(time.TimeOnly)
	}
	lines := []string{
		m.fit(fmt.Sprintf("%s  %s  %s  %s", s.title.Render("symphony top"), s.dim.Render(m.where()), at, state)),
		m.fit(fmt.Sprintf("%d pending   %d processing   %s failed   %.1f completed/s%s", pending, processing, m.count(s, failed), perSecond, m.recent(s))),
		m.fit(m.health(s)),
	}
	room := max(m.height-len(lines)-3, 9)
	queues, workers := m.queueTable(), m.workerTable()
	lines = append(lines, m.pane(s, queuesPane, "QUEUES", queues, max(min(len(queues.rows)+2, room/3), 3))...)
	lines = append(lines, m.pane(s, workersPane, "WORKERS", workers, max(min(len(workers.rows)+2, room/4), 3))...)
	return append(lines, m.pane(s, failuresPane, "LATEST FAILURES", m.failureTable(), max(m.height-len(lines)-2, 3))...)
}

func (m *top) count(s topStyles, n int64) string {
	if n > 0 {
		return s.bad.Render(fmt.Sprint(n))
	}
	return "0"
}

// recent is how long handlers take and how often they fail, of late.
func (m *top) recent(s topStyles) string {
	r := m.now.recent
	if r.Totals.Processed == 0 {
		return ""
	}
	failing := fmt.Sprintf("%.1f%% failing", 100*r.FailureRate)
	if r.Totals.Failed > 0 {
		failing = s.bad.Render(failing)
	}
	return fmt.Sprintf("   %s   p50 %s  p95 %s", failing, milliseconds(r.P50), milliseconds(r.P95)) + s.dim.Render(fmt.Sprintf("  in %d min", recentMinutes))
}

func milliseconds(ms float64) string {
	return ago(time.Duration(ms * float64(time.Millisecond)))
}

// health is the state of the installation, with what is wrong.
func (m *top) health(s topStyles) string {
	h := m.now.health
	switch h.Status {
	case "":
		return ""
	case "healthy":
		return s.good.Render(h.Status)
	}
	var wrong []string
	for _, c := range h.Checks {
		if c.Status != "healthy" {
			wrong = append(wrong, oneLine(c.Message, 100))
		}
	}
	return s.bad.Render(h.Status + ": " + strings.Join(wrong, "; "))
}

// where tells whose messages these are.
func (m *top) where() string {
	if m.r.local {
		return "local"
	}
	return m.r.URL()
}

// topTable is what a pane shows. empty says what it means that there are no rows.
type topTable struct {
	header []string
	rows   [][]string
	bad    func(row int) bool // nil: none is
	empty  string
}

func (m *top) queueTable() topTable {
	t := topTable{header: []string{"TRANSPORT", "QUEUE", "PENDING", "PROCESSING", "FAILED", "SCHEDULED", "DONE/S", "OLDEST", ""}}
	list := m.now.queues(m.before)
	for _, q := range list {
		age := "–"
		if q.OldestPendingAge > 0 {
			age = ago(time.Duration(q.OldestPendingAge) * time.Millisecond)
		}
		t.rows = append(t.rows, []string{q.transport, cmp.Or(q.queue, "–"), fmt.Sprint(q.Pending), fmt.Sprint(q.Processing), fmt.Sprint(q.Failed),
			fmt.Sprint(q.ScheduledMessages), fmt.Sprintf("%.1f", q.perSecond), age, q.hold})
	}
	t.bad = func(row int) bool { return list[row].hold != "" }
	return t
}

func (m *top) workerTable() topTable {
	t := topTable{header: []string{"NODE", "WORKER OF", "AT WORK", "SUCCEEDED", "FAILED", "LONGEST AT", "FOR", ""}, empty: "No worker is known to run."}
	for _, w := range m.now.workers {
		busy, oldest, since := "–", "", ""
		switch {
		case w.of > 0:
			busy = fmt.Sprintf("%d of %d", w.busy, w.of)
		case w.busy > 0:
			busy = fmt.Sprint(w.busy)
		}
		if w.oldest != nil {
			oldest, since = oneLine(w.oldest.Type, 24)+" "+w.oldest.MessageID, ago(max(w.now.Sub(w.oldest.Since), 0))
		}
		t.rows = append(t.rows, []string{oneLine(w.node, 30), w.transport, busy, fmt.Sprint(w.succeeded), fmt.Sprint(w.failed), oldest, since, oneLine(w.trouble, 60)})
	}
	t.bad = func(row int) bool { return m.now.workers[row].trouble != "" }
	return t
}

func (m *top) failureTable() topTable {
	t := topTable{header: []string{"FAILED", "TYPE", "TRANSPORT", "QUEUE", "TRIES", "CLASS", "ERROR"}, empty: "Nothing has failed."}
	for _, f := range m.now.failures {
		t.rows = append(t.rows, []string{ago(max(m.now.at.Sub(f.FailedAt), 0)) + " ago", oneLine(f.Message.Type, 30), f.Transport, f.Queue,
			fmt.Sprint(f.RetryCount + 1), oneLine(f.ErrorClass, 20), oneLine(f.Error, 200)})
	}
	return t
}

// pane draws a table of at most height lines, with the chosen row in sight.
func (m *top) pane(s topStyles, p pane, title string, t topTable, height int) []string {
	focused := m.focus == p
	if focused {
		title = "▶ " + title
	} else {
		title = "  " + title
	}
	lines := []string{m.fit(s.header.Render(title))}
	if len(t.rows) == 0 { // before the first look of queues, too
		return append(lines, m.fit(s.dim.Render("  "+t.empty)), "")
	}
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	row := func(cells []string) string {
		var b strings.Builder
		b.WriteString("  ")
		for i, cell := range cells {
			b.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		return m.fit(b.String())
	}
	lines = append(lines, s.dim.Render(row(t.header)))
	room := max(height-2, 1)
	first := max(min(m.chosen[p]-room/2, len(t.rows)-room), 0)
	for i := first; i < min(first+room, len(t.rows)); i++ {
		line := row(t.rows[i])
		switch {
		case focused && i == m.chosen[p]:
			line = s.chosen.Render(line)
		case t.bad != nil && t.bad(i):
			line = s.bad.Render(line)
		}
		lines = append(lines, line)
	}
	return lines
}

// footer is the question, or what came of the last action, over the keys.
func (m *top) footer(s topStyles) string {
	note := m.fit(oneLine(m.note, max(m.width, 2)))
	if m.asking != nil {
		note = s.bad.Render(m.fit(m.asking.text))
	} else if strings.HasPrefix(m.note, "Error: ") {
		note = s.bad.Render(note)
	}
	return note + "\n" + m.help.View(m)
}

// ShortHelp are the keys that the last line shows.
func (m *top) ShortHelp() []key.Binding {
	k := &topKeys
	if m.detailOf != nil {
		return []key.Binding{k.back, k.up, k.down, k.retry, k.edit, k.remove}
	}
	return []key.Binding{k.next, k.up, k.down, k.inspect, k.retry, k.edit, k.pause, k.help, k.quit}
}

// FullHelp are all keys, in columns.
func (m *top) FullHelp() [][]key.Binding {
	k := &topKeys
	return [][]key.Binding{{k.next, k.up, k.down, k.inspect, k.back}, {k.retry, k.edit, k.remove, k.pause}, {k.freeze, k.refresh, k.help, k.quit}}
}

// describe is all about a failed message, in lines of at most width characters.
func describe(f *wire.FailedMessage, width int) string {
	var b bytes.Buffer
	(&app{out: &b}).showFailed(*f)
	return lipgloss.NewStyle().Width(width).Render(strings.TrimRight(b.String(), "\n"))
}
