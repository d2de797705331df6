package token_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/token"
)

func shared(t *testing.T, text string) *token.Keys {
	t.Helper()
	keys, err := token.Shared(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestShared(t *testing.T) {
	text, now := strings.Repeat("k7", 16), time.Now()
	here, there, other := shared(t, text), shared(t, text), shared(t, text+"x")
	tok, err := here.Mint(producer(now), now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := there.Verify(tok, now); err != nil {
		t.Errorf("TK9 a server with the same text refuses: %v", err)
	}
	if _, err := other.Verify(tok, now); err == nil {
		t.Error("TK9 a server with another text takes the token")
	}
	one, err := here.Derive("grace")
	if err != nil {
		t.Fatal(err)
	}
	two, err := there.Derive("grace")
	if err != nil || string(one) != string(two) {
		t.Errorf("TK9 derived keys differ (%v)", err)
	}
	if printed := fmt.Sprintf("%v %+v %#v", here, here, here); strings.Contains(printed, text) {
		t.Error("TK7 printed the text")
	}
	if _, err := token.Shared(text[:token.MinShared-1]); err == nil || strings.Contains(err.Error(), text[:8]) {
		t.Errorf("TK9 a short text: %v", err)
	}
}
