package main

import "testing"

func TestBenchLine(t *testing.T) {
	name, figures, ok := benchLine("BenchmarkWholePath/cuelight.v1.json-2   400000   6200 ns/op   211400 answers/s   4 allocs/op")
	if !ok || name != "WholePath/cuelight.v1.json-2" || figures != "6200 ns/op, 211400 answers/s, 4 allocs/op" {
		t.Errorf("read %q %q %v", name, figures, ok)
	}
	for _, other := range []string{"", "PASS", "ok  	github.com/x	1.2s", "goos: linux"} {
		if _, _, ok := benchLine(other); ok {
			t.Errorf("%q is no figure", other)
		}
	}
}
