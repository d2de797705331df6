package load_test

import (
	"fmt"
	"os"
	"testing"
)

// A test starts this program again for what has to happen between its own
// process and the server's. Which of it is in the environment.
const actAs = "CUELIGHT_TEST_ACT_AS"

// acts are run instead of the tests. None of them returns without an error.
var acts = map[string]func() error{}

// scratch is a folder for all tests of this process.
var scratch string

func TestMain(m *testing.M) {
	if act := acts[os.Getenv(actAs)]; act != nil {
		fmt.Fprintln(os.Stderr, act())
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "cuelight-load-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}
