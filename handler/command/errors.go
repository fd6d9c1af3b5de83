package command

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/symphony-messenger/symphony"
)

// ExitError says that the program ended otherwise than with exit code 0.
type ExitError struct {
	Program string // its file's name, without the arguments
	Code    int    // -1 if a signal ended it
	State   string // for people, such as "exit status 1" or "signal: killed"
	Stderr  string // the end of what it wrote to standard error
}

func (e *ExitError) Error() string {
	if e.Stderr == "" {
		return e.ended()
	}
	return e.ended() + ": " + e.Stderr
}

func (e *ExitError) ended() string { return fmt.Sprintf("command %s: %s", e.Program, e.State) }

// LogValue is the error without what the program wrote, which may repeat the payload.
func (e *ExitError) LogValue() slog.Value { return slog.StringValue(e.ended()) }

// ErrorClass is "exit_" and the code, such as "exit_75", or "signal".
func (e *ExitError) ErrorClass() string {
	if e.Code < 0 {
		return "signal"
	}
	return "exit_" + strconv.Itoa(e.Code)
}

// startError says that the program did not run.
type startError struct {
	program string
	err     error
}

func (e *startError) Error() string { return fmt.Sprintf("command %s: start: %v", e.program, e.err) }
func (e *startError) Unwrap() error { return e.err }

// ErrorClass is "timeout" or "canceled" if the context had ended, else "start".
func (e *startError) ErrorClass() string {
	if class := symphony.ErrorClass(e.err); class == "timeout" || class == "canceled" {
		return class
	}
	return "start"
}

// tail is a writer that keeps the last MaxStderr bytes.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-MaxStderr):]...)
	if over := len(t.kept) - MaxStderr; over > 0 {
		t.kept = t.kept[:copy(t.kept, t.kept[over:])]
	}
	return len(p), nil
}

// String is the text, fit for an error.
func (t *tail) String() string { return strings.TrimSpace(symphony.ClipError(string(t.kept))) }

// suffix is the text as the end of an error.
func (t *tail) suffix() string {
	if s := t.String(); s != "" {
		return ": " + s
	}
	return ""
}
