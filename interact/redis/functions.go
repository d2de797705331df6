package redis

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// sources are the function libraries. Each begins with
//
//	#!lua name=cuelight_<file>_VERSION
//
// and registers functions named cuelight_<what>_VERSION. VERSION is a hash of the
// text, so that two releases whose functions differ run side by side.
//
//go:embed *.lua
var sources embed.FS

// library is a text of functions that Redis runs.
type library struct {
	name, version, code string
}

// libraries are all of them, by the name of their file.
var libraries = func() map[string]library {
	entries, err := sources.ReadDir(".")
	if err != nil {
		panic(err) // the files are part of this program
	}
	all := make(map[string]library)
	for _, e := range entries {
		text, err := sources.ReadFile(e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(text)
		l := library{name: strings.TrimSuffix(e.Name(), ".lua"), version: hex.EncodeToString(sum[:4])}
		l.code = strings.ReplaceAll(string(text), "VERSION", l.version)
		all[l.name] = l
	}
	return all
}()

// function returns the full name of a function of a library.
func function(lib, what string) string {
	return "cuelight_" + what + "_" + libraries[lib].version
}

// load brings the libraries to a server. Loading what is there changes nothing.
func load(ctx context.Context, node redis.ScriptingFunctionsCmdable) error {
	for _, l := range libraries {
		if err := node.FunctionLoadReplace(ctx, l.code).Err(); err != nil {
			return fmt.Errorf("load functions %s into redis: %w", l.name, explain(err))
		}
	}
	return nil
}

// isMissing says that a server has lost its functions, or never had them: it is
// new, or became the primary before it had copied them.
func isMissing(err error) bool {
	return err != nil && strings.Contains(err.Error(), "Function not found")
}
