//go:build unix

package command_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/handler"
	"github.com/symphony-messenger/symphony/handler/command"
)

func TestHandle_gives_the_message_to_the_program(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stdin")
	for name, size := range map[string]int{"small": 1, "larger than a pipe": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			d := delivery()
			d.Metadata = map[string]any{"filling": strings.Repeat("x", size)}
			if err := shell(t, command.Options{}, `cat > "$1"`, file).Handle(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := handler.Encode(d)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, got) {
				t.Errorf("standard input (-want +got):\n%s", cmp.Diff(string(want), string(got)))
			}
			if !bytes.Contains(got, d.Payload) {
				t.Error("the payload is not there byte for byte")
			}
		})
	}
}

func TestHandle_runs_no_shell(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a b; touch c")
	if err := open(t, []string{"touch", file}, command.Options{}).Handle(t.Context(), delivery()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestHandle_decides_by_exit_code(t *testing.T) {
	o := command.Options{FailCodes: []int{64, 65}}
	for name, test := range map[string]struct {
		script string
		want   symphony.Outcome
		class  string
		text   string
	}{
		"0":             {"exit 0", symphony.Ack, "", ""},
		"1":             {"exit 1", symphony.Retry, "exit_1", "command sh: exit status 1"},
		"75":            {"exit 75", symphony.Retry, "exit_75", "command sh: exit status 75"},
		"255":           {"exit 255", symphony.Retry, "exit_255", "command sh: exit status 255"},
		"a fail code":   {"exit 64", symphony.Fail, "exit_64", "command sh: exit status 64"},
		"another":       {"exit 65", symphony.Fail, "exit_65", "command sh: exit status 65"},
		"a signal":      {"kill -KILL $$", symphony.Retry, "signal", "command sh: signal: killed"},
		"with a reason": {"echo no such order >&2; exit 64", symphony.Fail, "exit_64", "command sh: exit status 64: no such order"},
	} {
		t.Run(name, func(t *testing.T) {
			err := shell(t, o, test.script, "secret-argument").Handle(t.Context(), delivery())
			if got := (symphony.Policy{}).Decide(1, err, 0).Outcome; got != test.want {
				t.Errorf("outcome = %s, want %s; error: %v", got, test.want, err)
			}
			if got := symphony.ErrorClass(err); got != test.class {
				t.Errorf("class = %q, want %q", got, test.class)
			}
			if err == nil {
				return
			}
			if diff := cmp.Diff(test.text, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			var exit *command.ExitError
			if !errors.As(err, &exit) {
				t.Errorf("error is a %T, want an *ExitError", err)
			}
		})
	}
}

func TestHandle_acks_a_program_that_does_not_read_its_input(t *testing.T) {
	d := delivery()
	d.Metadata = map[string]any{"filling": strings.Repeat("x", 1<<20)}
	if err := shell(t, command.Options{}, "exit 0").Handle(t.Context(), d); err != nil {
		t.Error(err)
	}
}

func TestHandle_keeps_the_end_of_standard_error(t *testing.T) {
	for name, test := range map[string]struct{ script, want string }{
		"all of little":      {`echo one >&2; echo two >&2; exit 1`, "one\ntwo"},
		"nothing":            {`exit 1`, ""},
		"standard output":    {`echo hidden; exit 1`, ""},
		"the last of much":   {`i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done >&2; echo; exit 1`, ""},
		"one long write":     {`head -c 100000 /dev/zero | tr '\0' x >&2; exit 1`, strings.Repeat("x", command.MaxStderr)},
		"control characters": {`printf 'a\033[2Jb\tc\377' >&2; exit 1`, "a [2Jb\tc\uFFFD"},
	} {
		t.Run(name, func(t *testing.T) {
			err := shell(t, command.Options{}, test.script).Handle(t.Context(), delivery())
			var exit *command.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("error = %v, want an *ExitError", err)
			}
			if name == "the last of much" {
				if !strings.HasSuffix(exit.Stderr, "line 2998\nline 2999") || len(exit.Stderr) > command.MaxStderr || len(exit.Stderr) < command.MaxStderr-10 {
					t.Errorf("standard error has %d bytes and ends in %q", len(exit.Stderr), exit.Stderr[len(exit.Stderr)-30:])
				}
				return
			}
			if diff := cmp.Diff(test.want, exit.Stderr); diff != "" {
				t.Errorf("standard error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHandle_gives_little_of_the_environment(t *testing.T) {
	for _, name := range []string{"SYMPHONY_DATABASE_URL", "SUPABASE_JWT_SECRET", "CRON_SECRET", "AWS_SECRET_ACCESS_KEY", "MY_TOKEN", "SYMPHONY_MESSAGE_ID"} {
		t.Setenv(name, "never passed on")
	}
	t.Setenv("LANG", "C.UTF-8")
	t.Setenv("HOME", "/home/inherited")
	file, dir := filepath.Join(t.TempDir(), "env"), t.TempDir()
	t.Setenv("TMPDIR", "/tmp/inherited")
	h := open(t, []string{"/bin/sh", "-c", `env > "$1"`, "sh", file}, command.Options{
		Dir: dir, Env: map[string]string{"HOME": "/home/configured", "API_TOKEN": "t=0"},
	})
	if err := h.Handle(t.Context(), delivery()); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		got[name] = value
	}
	for _, byShell := range []string{"SHLVL", "_", "OLDPWD"} {
		delete(got, byShell)
	}
	want := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": "/home/configured", "LANG": "C.UTF-8", "TMPDIR": "/tmp/inherited", "PWD": dir,
		"API_TOKEN":           "t=0",
		"SYMPHONY_MESSAGE_ID": delivery().ID, "SYMPHONY_MESSAGE_TYPE": "order.paid", "SYMPHONY_MESSAGE_ATTEMPT": "2",
		"SYMPHONY_MESSAGE_TRANSPORT": "email", "SYMPHONY_MESSAGE_QUEUE": "bulk",
		"TRACEPARENT": "00-aa-bb-01",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestHandle_finds_a_relative_program_in_Dir(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\nexit 9\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := open(t, []string{"./run"}, command.Options{Dir: dir}).Handle(t.Context(), delivery())
	if got := symphony.ErrorClass(err); got != "exit_9" {
		t.Errorf("error = %v, want exit code 9", err)
	}
}

func TestHandle_retries_a_program_that_does_not_start(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	h := open(t, []string{file, "secret-argument"}, command.Options{})
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	err := h.Handle(t.Context(), delivery())
	if !errors.Is(err, os.ErrNotExist) || symphony.ErrorClass(err) != "start" || symphony.IsPermanent(err) {
		t.Errorf("error = %v of class %q", err, symphony.ErrorClass(err))
	}
	if err != nil && strings.Contains(err.Error(), "secret-argument") {
		t.Errorf("error holds an argument: %v", err)
	}
}

func TestNew_refuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "data")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		argv []string
		o    command.Options
		want string
	}{
		"no program":                 {nil, command.Options{}, "no program is given"},
		"an empty program":           {[]string{""}, command.Options{}, "no program is given"},
		"a program not in PATH":      {[]string{"no-such-program-here"}, command.Options{}, `"no-such-program-here": executable file not found in $PATH`},
		"a path that is not there":   {[]string{"./run"}, command.Options{Dir: dir}, "/run: no such file or directory"},
		"a file that cannot run":     {[]string{file}, command.Options{}, "permission denied"},
		"a NUL in an argument":       {[]string{"sh", "a\x00"}, command.Options{}, "argument 1 has a NUL character"},
		"a variable without a name":  {[]string{"sh"}, command.Options{Env: map[string]string{"": "v"}}, `variable "" cannot be`},
		"a variable's odd name":      {[]string{"sh"}, command.Options{Env: map[string]string{"A=B": "v"}}, `variable "A=B" cannot be`},
		"a variable's odd value":     {[]string{"sh"}, command.Options{Env: map[string]string{"A": "secret\x00"}}, `variable "A" cannot be`},
		"a variable of its own":      {[]string{"sh"}, command.Options{Env: map[string]string{"SYMPHONY_MESSAGE_ID": "v"}}, `variable "SYMPHONY_MESSAGE_ID" is set by the handler`},
		"a fail code of 0":           {[]string{"sh"}, command.Options{FailCodes: []int{0}}, "fail code 0: must be 1 to 255"},
		"a fail code too large":      {[]string{"sh"}, command.Options{FailCodes: []int{256}}, "fail code 256"},
		"a fail code that must wait": {[]string{"sh"}, command.Options{FailCodes: []int{1, 75}}, "fail code 75"},
		"a negative grace":           {[]string{"sh"}, command.Options{Grace: -time.Second}, "grace -1s"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := command.New(test.argv, test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error = %v, want it to say %q", err, test.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error holds a value: %v", err)
			}
		})
	}
	t.Run("everything at once", func(t *testing.T) {
		_, err := command.New(nil, command.Options{Env: map[string]string{"": ""}, FailCodes: []int{300, 75}, Grace: -1})
		if err == nil || strings.Count(err.Error(), "\n") != 4 {
			t.Errorf("error = %v, want five mistakes", err)
		}
	})
}
