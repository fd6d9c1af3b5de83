// Command release makes a release of the source at hand into dist/, without publishing anything: programs for every
// platform in archives, deb and rpm packages, a container image, npm packages, bills of materials, and checksums.
//
//	cd tools/release && go run . -version 1.2.3
//
// It runs in the root of the repository. The same commit makes the same bytes.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// release is what all parts of a release share.
type release struct {
	version string
	at      time.Time // of the commit
	dist    string
	only    string // one platform, "" for all
	sbom    string // the program that writes bills of materials
}

// program is the program for one platform.
type program struct{ os, arch, file string }

func (p program) name(version string) string {
	return "symphony_" + version + "_" + p.os + "_" + p.arch
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run() error {
	version := flag.String("version", "0.0.0-dev", "`VERSION` of the release, without a v")
	dist := flag.String("dist", "dist", "write to `FOLDER`, which is emptied before")
	sbom := flag.String("sbom", "bin/cyclonedx-gomod", "the `PROGRAM` cyclonedx-gomod")
	only := flag.String("only", "", "make it for one `PLATFORM`, like linux/amd64, to try it")
	flag.Parse()
	root, err := output("git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	at, err := output("git", "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return fmt.Errorf("the time of the commit: %w", err)
	}
	r := &release{version: *version, at: time.Unix(seconds, 0).UTC(), dist: *dist, only: *only, sbom: *sbom}
	if err := os.RemoveAll(r.dist); err != nil {
		return err
	}
	if err := os.MkdirAll(r.dist, 0o755); err != nil {
		return err
	}
	programs, err := r.build()
	if err != nil {
		return err
	}
	say("manual pages and completions")
	var ours []string // the program that runs here
	for _, p := range programs {
		if p.os == runtime.GOOS && p.arch == runtime.GOARCH {
			ours = append(ours, p.file)
		}
	}
	if err := command(nil, "scripts/release-files.sh", ours...); err != nil {
		return err
	}
	for _, p := range programs {
		if err := r.archive(p); err != nil {
			return fmt.Errorf("the archive for %s/%s: %w", p.os, p.arch, err)
		}
		bill := filepath.Join(r.dist, p.name(r.version)+".sbom.json")
		err := command(nil, r.sbom, "bin", "-json", "-noserial", "-notimestamp", "-version", "v"+r.version,
			"-output", bill, p.file)
		if err != nil {
			return err
		}
	}
	say("packages")
	if err := r.packages(programs); err != nil {
		return err
	}
	say("container image")
	if err := r.writeImage(filepath.Join(r.dist, "symphony-image.tar"), programs); err != nil {
		return err
	}
	say("npm packages")
	if err := r.npm(programs); err != nil {
		return err
	}
	return r.checksums()
}

// build compiles the program for all platforms.
func (r *release) build() ([]program, error) {
	var list []program
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			if r.only != "" && r.only != system+"/"+arch {
				continue
			}
			p := program{system, arch, filepath.Join(r.dist, "programs", system+"_"+arch, "symphony")}
			if system == "windows" {
				p.file += ".exe"
			}
			say("program for " + system + "/" + arch)
			// grpcnotrace: see the Makefile. Without the repository's state the bytes depend on the source alone.
			err := command([]string{"CGO_ENABLED=0", "GOOS=" + system, "GOARCH=" + arch}, "go", "build", "-trimpath",
				"-buildvcs=false", "-tags", "grpcnotrace", "-ldflags", "-s -w -X main.version="+r.version,
				"-o", p.file, "./cmd/symphony")
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no program for %q", r.only)
	}
	return list, nil
}

// npm makes the packages of packaging/npm.
func (r *release) npm(programs []program) error {
	args := []string{"packaging/npm/build.mjs", r.version, filepath.Join(r.dist, "npm")}
	for _, p := range programs {
		system := strings.Replace(p.os, "windows", "win32", 1)
		args = append(args, system+"-"+strings.Replace(p.arch, "amd64", "x64", 1)+"="+p.file)
	}
	return command(nil, "node", args...)
}

// checksums writes the SHA-256 of what is handed out, as sha256sum checks it.
func (r *release) checksums() error {
	entries, err := os.ReadDir(r.dist)
	if err != nil {
		return err
	}
	var lines []string
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		sum, err := checksum(filepath.Join(r.dist, e.Name()))
		if err != nil {
			return err
		}
		lines = append(lines, sum+"  "+e.Name()+"\n")
	}
	slices.Sort(lines)
	return os.WriteFile(filepath.Join(r.dist, "checksums.txt"), []byte(strings.Join(lines, "")), 0o644)
}

func checksum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading %s: %w", file, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func say(what string) { fmt.Fprintln(os.Stderr, "==", what) }

// command runs a program with variables added to the environment.
func command(environ []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), environ...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return nil
}

// output is what a program prints.
func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		err = fmt.Errorf("%w: %s", err, ended.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
