package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeEnv sets variables in a file of lines NAME=value, and leaves its other lines and its mode alone. It says what it
// has done. A symbolic link is not followed.
func writeEnv(path string, values [][2]string) (what string, err error) {
	mode, what := fs.FileMode(0o600), "made"
	info, err := envFile(path)
	if err != nil {
		return "", err
	}
	if info != nil {
		mode, what = info.Mode().Perm(), "changed"
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".symphony-env-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // it was renamed where all went well
	_, err = file.WriteString(mergeEnv(string(old), values))
	err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return "", err
	}
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v[0]
	}
	return fmt.Sprintf("%s was %s: %s", path, what, strings.Join(names, ", ")), nil
}

// envFile looks at a file that writeEnv may change: nil where there is none yet.
func envFile(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, usageError{fmt.Errorf("--write-env: %s is a symbolic link, which is not followed: name its file",
			path)}
	case !info.Mode().IsRegular():
		return nil, usageError{fmt.Errorf("--write-env: %s is not a file", path)}
	}
	return info, nil
}

// mergeEnv is a text with the lines of these variables replaced, or added at its end.
func mergeEnv(old string, values [][2]string) string {
	var b strings.Builder
	found := make(map[string]bool)
	for line := range strings.Lines(old) {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		for _, v := range values {
			if strings.TrimSpace(name) != v[0] || !strings.Contains(line, "=") {
				continue
			}
			before, _, _ := strings.Cut(line, v[0])
			line = before + v[0] + "=" + v[1] + line[len(strings.TrimRight(line, "\r\n")):]
			found[v[0]] = true
		}
		b.WriteString(line)
	}
	if old != "" && !strings.HasSuffix(old, "\n") {
		b.WriteString("\n")
	}
	for _, v := range values {
		if !found[v[0]] {
			b.WriteString(v[0] + "=" + v[1] + "\n")
		}
	}
	return b.String()
}
