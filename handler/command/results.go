package command

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/internal/scratch"
)

// outputFile is a file for what a program leaves, to be removed with remove.
type outputFile struct {
	folder *scratch.Folder
	name   string
}

// newOutputFile makes an empty file that only this user can read. Where none can be made, which must not keep the
// program from its work, it has no name.
func newOutputFile() outputFile {
	folder, err := scratch.Make("")
	if err != nil {
		return outputFile{}
	}
	name := filepath.Join(folder.Path(), "output.json")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		_ = folder.Close()
		return outputFile{}
	}
	return outputFile{folder, name}
}

// variable is what tells the program, none where there is no file.
func (o outputFile) variable() []string {
	if o.name == "" {
		return nil
	}
	return []string{outputVariable + "=" + o.name}
}

func (o outputFile) remove() {
	if o.folder != nil {
		_ = o.folder.Close() // what stays is swept later
	}
}

// keep makes what the program has written the message's output. An empty file is none. What cannot be kept is told: the
// work is done.
func (o outputFile) keep(ctx context.Context) {
	f, err := os.Open(o.name)
	if err != nil {
		return // the program has removed it
	}
	defer f.Close() // it was only read
	most := symphony.MaxOutput(ctx)
	raw, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	whole := bytes.TrimSpace(raw)
	switch {
	case len(whole) == 0 && err == nil:
	case len(raw) > most:
		symphony.SetOutputError(ctx, symphony.OutputTooLarge)
	case err != nil, symphony.SetOutput(ctx, json.RawMessage(whole)) != nil:
		symphony.SetOutputError(ctx, symphony.OutputNotJSON)
	}
}

// lines keeps each line that is written with the attempt, cut to what is kept of one.
type lines struct {
	ctx  context.Context
	rest []byte
}

func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, whole := bytes.Cut(p, []byte{'\n'})
		if room := symphony.MaxLogLine + 1 - len(l.rest); room > 0 {
			l.rest = append(l.rest, line[:min(len(line), room)]...)
		}
		if !whole {
			return n, nil
		}
		l.flush()
		p = rest
	}
}

// flush keeps what was written of a line.
func (l *lines) flush() {
	if len(l.rest) > 0 {
		symphony.Log(l.ctx, string(l.rest))
		l.rest = l.rest[:0]
	}
}
