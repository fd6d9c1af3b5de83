package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers the format
)

// packages makes deb and rpm packages by packaging/nfpm.yaml.
func (r *release) packages(programs []program) error {
	for _, p := range programs {
		if p.os != "linux" {
			continue
		}
		for _, format := range []string{"deb", "rpm"} {
			if err := r.writePackage(p, format); err != nil {
				return fmt.Errorf("the %s for %s: %w", format, p.arch, err)
			}
		}
	}
	return nil
}

func (r *release) writePackage(p program, format string) error {
	variables := map[string]string{"ARCH": p.arch, "VERSION": r.version, "PROGRAM": p.file}
	value := func(name string) string { return variables[name] }
	config, err := nfpm.ParseFileWithEnvMapping("packaging/nfpm.yaml", value)
	if err != nil {
		return err
	}
	info, err := config.Get(format)
	if err != nil {
		return err
	}
	info.MTime = r.at
	nfpm.WithDefaults(info)
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(r.dist, p.name(r.version)+"."+format))
	if err != nil {
		return err
	}
	err = packager.Package(info, out)
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}
