package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const (
	imageFile  = "Dockerfile"
	ignoreFile = ".dockerignore"
)

// checkImage reads the Dockerfile as BuildKit does, and looks for all that the program needs in what .dockerignore lets
// through.
func checkImage(ctx context.Context, f *findings, scratch string) error {
	parsed, err := parser.Parse(bytes.NewReader(f.read(imageFile)))
	if err != nil {
		f.addf(imageFile, "%v", err)
		return nil
	}
	for _, w := range parsed.Warnings {
		f.addf(imageFile, "%s", w.Short)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		f.addf(imageFile, "%v", err)
		return nil
	}
	if len(stages) < 2 {
		f.addf(imageFile, "the image has what it was built with")
		return nil
	}
	last := &stages[len(stages)-1]
	checkFinal(f, last)

	source := filepath.Join(scratch, "context")
	sent, err := copyContext(f, source)
	if err != nil {
		return err
	}
	for i := range stages {
		for _, c := range stages[i].Commands {
			from, ok := c.(*instructions.CopyCommand)
			if !ok || from.From != "" {
				continue
			}
			for _, path := range from.SourcePaths {
				if !sent[path] {
					f.addf(imageFile, "COPY %s: %s does not let it through, or there is none", path, ignoreFile)
				}
			}
		}
	}
	for path := range sent {
		if top, _, _ := strings.Cut(path, "/"); !slices.Contains([]string{"gen", "platform", "services"}, top) {
			f.addf(ignoreFile, "lets %s through", path)
		}
	}
	resolveContext(ctx, f, source)
	return nil
}

// checkFinal holds the image to what Kubernetes is told of it.
func checkFinal(f *findings, stage *instructions.Stage) {
	if !strings.Contains(stage.BaseName, "distroless/static") || !strings.HasSuffix(stage.BaseName, ":nonroot") {
		f.addf(imageFile, "its base is %s", stage.BaseName)
	}
	var user, volume, health, entry bool
	ports := map[string]bool{}
	for _, c := range stage.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User == "65532:65532"
		case *instructions.VolumeCommand:
			volume = slices.Contains(c.Volumes, "/var/lib/tollgate")
		case *instructions.ExposeCommand:
			for _, p := range c.Ports {
				ports[p] = true
			}
		case *instructions.HealthCheckCommand:
			// CMD-SHELL would need a shell.
			health = slices.Equal(c.Health.Test, []string{"CMD", "/usr/local/bin/tollgate", "health"})
		case *instructions.EntrypointCommand:
			entry = !c.PrependShell && slices.Equal(c.CmdLine, []string{"/usr/local/bin/tollgate"})
		case *instructions.RunCommand:
			f.addf(imageFile, "RUN in an image without a shell")
		}
	}
	if !user || !volume || !health || !entry || !ports["4000"] || !ports["4001"] {
		f.addf(imageFile, "user %t, volume %t, health check %t, entry point %t, ports %v", user, volume, health, entry, ports)
	}
}

// copyContext copies what a build is sent, and returns every path of it. Links that lead out of
// either folder are not followed.
func copyContext(f *findings, to string) (_ map[string]bool, err error) {
	from, err := os.OpenRoot(f.root)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := os.Mkdir(to, 0o750); err != nil {
		return nil, err
	}
	into, err := os.OpenRoot(to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	patterns, err := ignorefile.ReadAll(bytes.NewReader(f.read(ignoreFile)))
	if err != nil {
		return nil, err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	sent := map[string]bool{}
	err = filepath.WalkDir(f.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(f.root, path)
		if err != nil || rel == "." {
			return err
		}
		ignored, err := matcher.MatchesOrParentMatches(rel)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && ignored && !strings.Contains(rel, string(filepath.Separator)):
			return fs.SkipDir // no pattern lets through what lies in an ignored folder of the root
		case ignored || entry.IsDir() || !entry.Type().IsRegular():
			return nil
		}
		for p := rel; p != "."; p = filepath.Dir(p) {
			sent[p] = true
		}
		content, err := from.ReadFile(rel)
		if err != nil {
			return err
		}
		if err := into.MkdirAll(filepath.Dir(rel), 0o750); err != nil {
			return err
		}
		return into.WriteFile(rel, content, 0o600)
	})
	return sent, err
}

// resolveContext finds every package and embedded file that the image's build compiles. `make build` compiles them, by
// the same settings.
func resolveContext(ctx context.Context, f *findings, source string) {
	list := exec.CommandContext(ctx, "go", "list", "-deps", "./cmd/tollgate")
	list.Dir = filepath.Join(source, "services")
	list.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
	var said bytes.Buffer
	list.Stderr = &said
	if err := list.Run(); err != nil {
		f.addf(imageFile, "the program cannot be built from what %s lets through: %v\n%s", ignoreFile, err, said.String())
	}
}
