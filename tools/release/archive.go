package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// archive puts a program and what belongs to it into a tar.gz file, for Windows into a zip file.
func (r *release) archive(p program) error {
	folder := p.name(r.version)
	suffix, newArchive := ".tar.gz", newTar
	if p.os == "windows" {
		suffix, newArchive = ".zip", newZip
	}
	out, err := os.Create(filepath.Join(r.dist, folder+suffix))
	if err != nil {
		return err
	}
	a := newArchive(out, r.at)
	add := func(file, into string, mode int64) {
		if err == nil {
			err = a.add(file, path.Join(folder, into, filepath.Base(file)), mode)
		}
	}
	add(p.file, "", 0o755)
	for _, file := range []string{"README.md", "LICENSE", "CHANGELOG.md"} {
		add(file, "", 0o644)
	}
	for _, part := range []struct {
		into, pattern string
		systems       []string
	}{
		{"completions", "bin/release/completions/*", []string{"linux", "darwin", "windows"}},
		{"man", "bin/release/man/*", []string{"linux", "darwin"}},
		{"systemd", "packaging/systemd/*", []string{"linux"}},
	} {
		if !slices.Contains(part.systems, p.os) {
			continue
		}
		list, globbed := filepath.Glob(part.pattern)
		if err == nil {
			err = globbed
		}
		for _, file := range list {
			add(file, part.into, 0o644)
		}
	}
	if closed := a.close(); err == nil {
		err = closed
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}

// archiver writes one archive.
type archiver interface {
	add(file, name string, mode int64) error
	close() error
}

type tarArchive struct {
	at         time.Time
	compressed *gzip.Writer
	w          *tar.Writer
}

func newTar(out io.Writer, at time.Time) archiver {
	compressed, _ := gzip.NewWriterLevel(out, gzip.BestCompression) // the level exists
	return &tarArchive{at, compressed, tar.NewWriter(compressed)}
}

func (a *tarArchive) add(file, name string, mode int64) error {
	return addTo(a.w, file, name, mode, a.at)
}

// addTo adds a file to a tar archive.
func addTo(w *tar.Writer, file, name string, mode int64, at time.Time) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: mode, Size: int64(len(data)), ModTime: at, Typeflag: tar.TypeReg}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func (a *tarArchive) close() error {
	if err := a.w.Close(); err != nil {
		return err
	}
	return a.compressed.Close()
}

type zipArchive struct {
	at time.Time
	w  *zip.Writer
}

func newZip(out io.Writer, at time.Time) archiver { return &zipArchive{at, zip.NewWriter(out)} }

func (a *zipArchive) add(file, name string, mode int64) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.at}
	h.SetMode(os.FileMode(mode))
	w, err := a.w.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func (a *zipArchive) close() error { return a.w.Close() }
