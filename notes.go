package symphony

import (
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"
)

// While a handler is at work it can tell how far it is, and keep lines of a log with its attempt. Workers gather what
// their handlers tell and store it a few times a second, all together; what is told more often is not stored more
// often.

// ProgressState is how far the handling of a message has come.
type ProgressState struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total,omitempty"` // 0: not known
	// Text says it for people, in at most MaxProgressText characters.
	Text string `json:"text,omitempty"`
	// At is when it was stored, on the store's clock.
	At time.Time `json:"at,omitzero"`
}

// Note is what a worker tells of a message in its hands.
type Note struct {
	Lease Lease
	// Progress takes the place of what was told before. Nil: that stays.
	Progress *ProgressState
	// Log is added behind the lines that were told before of this attempt. AppendLog says what is kept.
	Log []string
	// KeepLog keeps the log of the attempt also if it succeeds.
	KeepLog bool
}

// Progress tells how far the handling of the message has come in whose handler ctx is; total 0 means that it is not
// known of how much. It returns at once, and what it tells is stored a little later, in any case before the attempt
// ends. Negative numbers count as 0, and text is cleaned and cut to MaxProgressText characters. Outside of a handler of
// one message, without OfBatch in a batch handler, and on transports that do not show messages, it does nothing.
func Progress(ctx context.Context, done, total int64, text string) {
	note(ctx, Note{Progress: &ProgressState{Done: max(done, 0), Total: max(total, 0), Text: clipProgress(text)}})
}

// Log keeps lines with the attempt in whose handler ctx is, as Logger does.
func Log(ctx context.Context, lines ...string) { note(ctx, Note{Log: lines}) }

// Logger returns a logger whose lines, of level info and above, are kept with the attempt in whose handler ctx is: its
// last MaxLogLines lines, MaxLogBytes in all. They are shown with the attempt where it failed, or lost its worker, and
// with every message of a type for which the Mux keeps logs. They do not go to the log of the process. Do not log what
// must not be stored, such as secrets.
//
// Outside of a handler of one message, and without OfBatch in a batch handler, it is slog.Default().
func Logger(ctx context.Context) *slog.Logger {
	if h, _ := ctx.Value(handlingKey{}).(*handling); h == nil || h.delivery == nil {
		return slog.Default()
	}
	return slog.New(slog.NewTextHandler(logWriter{ctx}, nil))
}

// logWriter keeps each line that is written.
type logWriter struct{ ctx context.Context }

func (w logWriter) Write(line []byte) (int, error) {
	Log(w.ctx, strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

func note(ctx context.Context, n Note) {
	h, _ := ctx.Value(handlingKey{}).(*handling)
	if h == nil || h.delivery == nil {
		return
	}
	if r := reportingOf(ctx); r.note != nil {
		n.Lease, n.KeepLog = h.delivery.Lease, h.mux.KeepsLogs(h.delivery.Type)
		r.note(n)
	}
}

// reporting is what a worker has its handlers do with what they leave and tell.
type reporting struct {
	maxOutput int
	note      func(Note)
}

type reportingKey struct{}

// Reporting returns a context for handlers whose outputs may have so many bytes, and what they tell of messages in hand
// goes to note, which returns quickly and may be called concurrently. Nil: it is dropped. It is for those who run a
// Mux.
func Reporting(ctx context.Context, maxOutput int, note func(Note)) context.Context {
	return context.WithValue(ctx, reportingKey{}, &reporting{maxOutput, note})
}

var noReporting = &reporting{maxOutput: DefaultMaxOutputBytes}

func reportingOf(ctx context.Context) *reporting {
	if r, _ := ctx.Value(reportingKey{}).(*reporting); r != nil {
		return r
	}
	return noReporting
}

// KeepLogs keeps the logs of a pattern's types also of attempts that succeed. It panics on an invalid pattern.
func (m *Mux) KeepLogs(pattern string) {
	if err := ValidatePattern(pattern); err != nil {
		panic("symphony: " + err.Error())
	}
	m.logs.set(pattern, true)
}

// KeepsLogs reports whether the log of an attempt is kept also if it succeeds.
func (m *Mux) KeepsLogs(typ string) bool {
	keeps, _ := m.logs.Match(typ)
	return keeps
}

// AppendLog returns what is kept of an attempt's log when lines are added: at most the last MaxLogLines lines and
// MaxLogBytes bytes, each line cleaned as errors are and cut to MaxLogLine bytes. A text of several lines is several.
// It may change kept.
func AppendLog(kept []string, lines ...string) []string {
	for _, text := range lines {
		for line := range strings.SplitSeq(strings.TrimRight(text, "\r\n"), "\n") {
			kept = append(kept, clipLine(line))
		}
		if len(kept) > 2*MaxLogLines {
			kept = append(kept[:0], kept[len(kept)-MaxLogLines:]...)
		}
	}
	first, size := len(kept), 0
	for first > 0 && len(kept)-first < MaxLogLines {
		if size += len(kept[first-1]); size > MaxLogBytes {
			break
		}
		first--
	}
	return append(kept[:0], kept[first:]...)
}

func clipLine(line string) string {
	if len(line) > MaxLogLine+utf8.UTFMax {
		line = line[:MaxLogLine+utf8.UTFMax]
	}
	if line = strings.TrimRight(ClipError(line), "\r "); len(line) <= MaxLogLine {
		return line
	}
	cut := MaxLogLine
	for !utf8.RuneStart(line[cut]) {
		cut--
	}
	return line[:cut]
}

func clipProgress(text string) string {
	text = strings.ReplaceAll(ClipError(text), "\n", " ")
	if utf8.RuneCountInString(text) <= MaxProgressText {
		return text
	}
	n := 0
	for at := range text {
		if n++; n > MaxProgressText {
			return text[:at]
		}
	}
	return text
}

// Problems returns what is wrong with a progress that was told from outside. Paths begin with prefix.
func (s *ProgressState) Problems(prefix string) []Problem {
	p := problems{prefix: prefix}
	if s.Done < 0 || s.Done > maxProgress {
		p.add("done", "must be 0 to %d", int64(maxProgress))
	}
	if s.Total < 0 || s.Total > maxProgress {
		p.add("total", "must be 1 to %d", int64(maxProgress))
	}
	if n := utf8.RuneCountInString(s.Text); n > MaxProgressText {
		p.add("text", "must have at most %d characters, has %d", MaxProgressText, n)
	}
	p.text("text", s.Text)
	return p.list
}

// maxProgress is what every reader of JSON can take.
const maxProgress = 1 << 53

// AddNote adds what a storage has of an attempt to what is told of its message: when it was written last, whether the
// log is kept of an attempt that succeeds, progress and log. Storages call it for each attempt that has something, once
// all else is known. What was told in an earlier hand than the one that has the message is left out.
func (m *MessageInfo) AddNote(attempt int, at time.Time, keep bool, progress *ProgressState, log []string) {
	for i := range m.Attempts {
		if m.Attempts[i].Number == attempt {
			m.Attempts[i].Log = log
			log = nil
		}
	}
	if attempt != m.Deliveries || m.Status == Processing && at.Before(m.StartedAt) {
		return
	}
	if progress != nil {
		shown := *progress
		shown.At = at
		m.Progress = &shown
	}
	if m.Status == Processing || m.Status == Cancelled || m.Status == Completed && keep {
		m.Log = log
	}
}
