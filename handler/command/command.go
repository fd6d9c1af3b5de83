// Package command hands messages to a program, so that handlers can be written in any language without a server.
//
// # The program
//
// Each attempt runs the program once, directly and not by a shell. It finds the message, a [handler.Body] as one JSON
// object, on its standard input, and its main parts in the environment:
//
//	SYMPHONY_MESSAGE_ID  SYMPHONY_MESSAGE_TYPE  SYMPHONY_MESSAGE_ATTEMPT  SYMPHONY_MESSAGE_TRANSPORT  SYMPHONY_MESSAGE_QUEUE
//
// and TRACEPARENT and TRACESTATE: the message's headers of these names, or with tracing those of the attempt's span. Of
// the caller's own environment it inherits only PATH, HOME, LANG and TMPDIR (on Windows their like), so that no secret
// reaches it; everything else is named in Options.Env. Standard output is discarded: it may hold what a log must not.
//
// SYMPHONY_OUTPUT names an empty file, in a folder of its own in the directory for temporary files: JSON that the
// program writes there becomes the message's output. If that is too large or no JSON, the message is completed all the
// same, and tells so. The folder is removed afterwards. Where the caller was killed, the next process that calls New
// removes it.
//
// The lines of standard error are kept as the attempt's log, see symphony.Logger.
//
// # How it ends
//
// Exit code 0 acks. 75 (EX_TEMPFAIL in sysexits.h) retries by the message's policy, and so does every other code and
// death by a signal, except for the codes in Options.FailCodes, which fail the message for good. The last MaxStderr
// bytes of standard error are kept in the error's text.
//
// The program has a process group of its own. When the context ends, by the handler's timeout or because the worker
// stops, the group gets SIGTERM, and SIGKILL after Options.Grace; whatever the exit code then is, the message does not
// count as handled. What is left of the group when the program has ended is killed: the work of an attempt does not
// outlive it. On Windows the program alone is killed, at once.
//
// A process that ends before its handlers have returned calls [Programs.Kill], or their programs live on.
package command

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler"
	"github.com/symphony-messenger/symphony/internal/scratch"
)

const (
	// TempFail is the exit code that always retries.
	TempFail = 75
	// DefaultGrace is the default of Options.Grace.
	DefaultGrace = 5 * time.Second
	// MaxStderr is how many bytes of standard error are kept in the text of an error.
	MaxStderr = 4 << 10
)

// reserved begins the names of the variables that describe the message.
const reserved = "SYMPHONY_MESSAGE_"

// outputVariable names the file for what the program leaves.
const outputVariable = "SYMPHONY_OUTPUT"

// Describes reports whether a variable is one of those that tell a program about its message. A program of ours that a
// handler's program calls finds them in its environment, too.
func Describes(name string) bool { return strings.HasPrefix(name, reserved) || name == outputVariable }

// Options are the optional settings of a Handler.
type Options struct {
	// Dir is the program's working directory. Default: the caller's.
	Dir string
	// Env is the program's environment beside what every program gets. It may replace the variables that are
	// inherited, not those that describe the message.
	Env map[string]string
	// FailCodes are the exit codes, 1 to 255 but not TempFail, that fail a message without further attempts.
	FailCodes []int
	// Grace is how long the program may go on after SIGTERM, and how long its standard error is waited for after its
	// end if another process holds it open. Default DefaultGrace.
	Grace time.Duration
	// Programs, which handlers may share, knows what they run, so that it can be killed when the process must end
	// without waiting for it. Default: nobody knows.
	Programs *Programs
}

// Handler runs one program for each message. Safe for concurrent use.
type Handler struct {
	argv []string
	env  []string
	o    Options
}

// New makes a handler that runs argv: a program and its arguments. A program without a slash is looked for in PATH,
// a relative path in Options.Dir. New reports every mistake at once, and a program that is not there.
func New(argv []string, o Options) (*Handler, error) {
	h := &Handler{argv: slices.Clone(argv), o: o}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(argv) == 0 || argv[0] == "" {
		bad("no program is given")
	} else if err := look(argv[0], o.Dir); err != nil {
		errs = append(errs, err)
	}
	for i, arg := range argv {
		if strings.ContainsRune(arg, 0) {
			bad("argument %d has a NUL character", i)
		}
	}
	for _, name := range inherited() {
		if value, ok := os.LookupEnv(name); ok {
			h.env = append(h.env, name+"="+value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Env)) {
		switch {
		case name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(o.Env[name], 0):
			bad("variable %q cannot be part of an environment", name)
		case Describes(name):
			bad("variable %q is set by the handler itself", name)
		}
		h.env = append(h.env, name+"="+o.Env[name]) // of two with one name, exec takes the last
	}
	for _, code := range o.FailCodes {
		if code < 1 || code > 255 || code == TempFail {
			bad("fail code %d: must be 1 to 255 and not %d", code, TempFail)
		}
	}
	if o.Grace < 0 {
		bad("grace %s: must not be negative", o.Grace)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	scratch.Sweep("")
	h.o.Grace = cmp.Or(o.Grace, DefaultGrace)
	h.o.Programs = cmp.Or(o.Programs, &Programs{})
	return h, nil
}

// look reports whether exec will find the program, by exec's own rules.
func look(program, dir string) error {
	if filepath.Base(program) != program && !filepath.IsAbs(program) {
		program = filepath.Join(cmp.Or(dir, "."), program)
		if !filepath.IsAbs(program) {
			program = "." + string(filepath.Separator) + program // so that LookPath does not search PATH
		}
	}
	_, err := exec.LookPath(program)
	return err
}

// Handle runs the program on the message. Its errors are an *ExitError, the context's cause, or what kept the program
// from starting.
func (h *Handler) Handle(ctx context.Context, d *symphony.Delivery) error {
	body, err := handler.Encode(d)
	if err != nil {
		return fmt.Errorf("command: %w", err)
	}
	output := newOutputFile()
	defer output.remove()
	var (
		log         = &lines{ctx: ctx}
		program     = filepath.Base(h.argv[0]) // arguments may hold secrets, so errors name the program alone
		stderr      tail
		interrupted bool
	)
	cmd := exec.CommandContext(ctx, h.argv[0], h.argv[1:]...)
	cmd.Dir, cmd.Env = h.o.Dir, append(h.environment(ctx, d), output.variable()...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(body), io.MultiWriter(&stderr, log)
	cmd.WaitDelay = h.o.Grace
	ownGroup(cmd)
	cmd.Cancel = func() error {
		err := terminate(cmd.Process)
		interrupted = err == nil // no race: Wait returns after Cancel
		return err
	}
	if err := h.o.Programs.start(cmd); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return &startError{program, err}
	}
	err = h.o.Programs.wait(cmd)
	log.flush()
	switch code := cmd.ProcessState.ExitCode(); {
	case interrupted:
		return fmt.Errorf("command %s: interrupted: %w%s", program, context.Cause(ctx), stderr.suffix())
	case code == 0:
		// err may say that another process still holds standard error. The program has succeeded all the same.
		output.keep(ctx)
		return nil
	case slices.Contains(h.o.FailCodes, code):
		return symphony.Permanent(&ExitError{program, code, err.Error(), stderr.String()})
	default:
		return &ExitError{program, code, err.Error(), stderr.String()}
	}
}

func (h *Handler) environment(ctx context.Context, d *symphony.Delivery) []string {
	env := append(slices.Clone(h.env),
		reserved+"ID="+d.ID,
		reserved+"TYPE="+d.Type,
		reserved+"ATTEMPT="+strconv.Itoa(d.Attempt),
		reserved+"TRANSPORT="+d.Transport,
		reserved+"QUEUE="+d.Queue,
	)
	if t := handler.Trace(ctx, d); t.Parent != "" {
		env = append(env, "TRACEPARENT="+t.Parent)
		if t.State != "" {
			env = append(env, "TRACESTATE="+t.State)
		}
	}
	return env
}
