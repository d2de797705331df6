package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// streamKey is the key a publisher of the channel must give: from the
// configuration, else one made once and kept in the data folder. A server and
// `cuelight token publish` may ask at the same time and get the same one.
// Where servers share a secret, it comes from that.
func streamKey(s settings, channel string) (string, error) {
	data, c := s.Data, s.Channels[channel]
	switch {
	case c.Open:
		return "", nil
	case c.Key != "":
		return string(c.Key), nil
	case c.KeyFile != "":
		return readKey(c.KeyFile)
	case s.shared():
		return s.sharedStreamKey(channel)
	}
	dir := filepath.Join(data, "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make folder for stream keys: %w", err)
	}
	file := filepath.Join(dir, channel)
	key, err := readKey(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createKey(dir, file); err != nil {
		return "", fmt.Errorf("make stream key of %s: %w", channel, err)
	}
	return readKey(file)
}

// readSecret reads a file that holds one secret.
func readSecret(file string) (string, error) {
	text, err := os.ReadFile(file)
	return strings.TrimSpace(string(text)), err
}

func readKey(file string) (string, error) {
	key, err := readSecret(file)
	if err != nil {
		return "", fmt.Errorf("read stream key: %w", err)
	}
	if len(key) < 8 {
		return "", fmt.Errorf("stream key in %s: shorter than 8 characters can be guessed", file)
	}
	return key, nil
}

// createKey makes the file whole or not at all; losing a race is fine.
func createKey(dir, file string) error {
	part, err := os.CreateTemp(dir, ".part-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	if _, err := part.WriteString(strings.ToLower(rand.Text()) + "\n"); err != nil {
		return errors.Join(err, part.Close())
	}
	if err := part.Close(); err != nil {
		return err
	}
	if err := os.Link(part.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
