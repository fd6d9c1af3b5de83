package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// imageUser is the one whom images without a system of their own usually run as.
const imageUser = 65532

// authorities is where Debian keeps the certificates of public authorities.
const authorities = "/etc/ssl/certs/ca-certificates.crt"

// writeImage makes a container image of the programs for Linux, without a container engine: one layer with the program,
// the certificates of public authorities, a user that is not root, and its folder. The file is an OCI image layout, as
// "docker load", "podman load" and "skopeo copy oci-archive:" take it.
func (r *release) writeImage(file string, programs []program) error {
	certificates, err := os.ReadFile(authorities)
	if err != nil {
		return fmt.Errorf("reading certificates (package ca-certificates): %w", err)
	}
	var index v1.ImageIndex = empty.Index
	for _, p := range programs {
		if p.os != "linux" {
			continue
		}
		binary, err := os.ReadFile(p.file)
		if err != nil {
			return fmt.Errorf("reading the program: %w", err)
		}
		img, err := makeImage(binary, certificates, p.arch, r.version, r.at)
		if err != nil {
			return fmt.Errorf("making the image for %s: %w", p.arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "linux", Architecture: p.arch},
			Annotations: map[string]string{"org.opencontainers.image.ref.name": r.version},
		}})
	}
	folder, err := os.MkdirTemp("", "symphony-image")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if _, err := layout.Write(folder, index); err != nil {
		return fmt.Errorf("writing the layout: %w", err)
	}
	return pack(folder, file, r.at)
}

func makeImage(binary, certificates []byte, arch, version string, at time.Time) (v1.Image, error) {
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for _, f := range []struct {
		name string
		mode int64
		own  bool // by the user
		data []byte
	}{
		{"etc/", 0o755, false, nil},
		{"etc/passwd", 0o644, false, fmt.Appendf(nil, "symphony:x:%[1]d:%[1]d::/data:/sbin/nologin\n", imageUser)},
		{"etc/group", 0o644, false, fmt.Appendf(nil, "symphony:x:%d:\n", imageUser)},
		{"etc/ssl/", 0o755, false, nil},
		{"etc/ssl/certs/", 0o755, false, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, false, certificates},
		{"usr/", 0o755, false, nil},
		{"usr/bin/", 0o755, false, nil},
		{"usr/bin/symphony", 0o755, false, binary},
		{"data/", 0o700, true, nil},
		{"tmp/", 0o1777, false, nil},
	} {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: at, Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if f.own {
			h.Uid, h.Gid = imageUser, imageUser
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files.Bytes())), nil
	})
	if err != nil {
		return nil, err
	}
	img, err := mutate.Append(empty.Image, mutate.Addendum{Layer: layer, History: v1.History{
		Created: v1.Time{Time: at}, CreatedBy: "symphony's tools/release"}})
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(img, configured(img, arch, version, at))
}

// configured says how the image is run. The server does not make a key by itself, which would stand in a log.
func configured(img v1.Image, arch, version string, at time.Time) *v1.ConfigFile {
	c, err := img.ConfigFile()
	if err != nil { // of an image in memory
		panic(err)
	}
	c = c.DeepCopy()
	c.OS, c.Architecture, c.Created = "linux", arch, v1.Time{Time: at}
	c.Config = v1.Config{
		User:         fmt.Sprintf("%d:%d", imageUser, imageUser),
		WorkingDir:   "/data",
		Env:          []string{"PATH=/usr/bin"},
		Entrypoint:   []string{"/usr/bin/symphony"},
		Cmd:          []string{"serve", "--addr", "0.0.0.0:8080", "--no-first-key", "--log-format", "json"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Volumes:      map[string]struct{}{"/data": {}},
		StopSignal:   "SIGTERM",
		Healthcheck: &v1.HealthConfig{
			Test: []string{"CMD", "/usr/bin/symphony", "health"}, Interval: 30 * time.Second, Timeout: 5 * time.Second,
			StartPeriod: 10 * time.Second, Retries: 3},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "Symphony Messenger",
			"org.opencontainers.image.description": "A durable message queue for web applications",
			"org.opencontainers.image.version":     version,
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.source":      "https://github.com/symphony-messenger/symphony",
		},
	}
	return c
}

// pack puts a folder into a tar file.
func pack(folder, file string, at time.Time) error {
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("making the file: %w", err)
	}
	w := tar.NewWriter(out)
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return addTo(w, path, filepath.ToSlash(name), 0o644, at)
	})
	if err == nil {
		err = w.Close()
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}
