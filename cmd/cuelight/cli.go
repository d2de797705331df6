package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// cli is the command line. Its names are stable: scripts depend on them.
type cli struct {
	Serve       serveCommand       `cmd:"" help:"Run the server."`
	Demo        demoCommand        `cmd:"" help:"Run the server with a broadcast, an audience and a rundown of its own."`
	Token       tokenCommand       `cmd:"" help:"Print a token or a stream key."`
	Probe       probeCommand       `cmd:"" help:"Judge a streaming server."`
	Log         logCommand         `cmd:"" help:"Look after the log of answers."`
	History     historyCommand     `cmd:"" help:"Look after the results of shows."`
	Bench       benchCommand       `cmd:"" help:"Rehearse an audience: load on a running server, and every receipt held against its tally."`
	CheckConfig checkConfigCommand `cmd:"" name:"check-config" help:"Check the configuration and print what is in force."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

// listenFlags are shared by serve, demo and check-config. Each is also an
// environment variable (CUELIGHT_HTTP for --http) and a key of the file.
type listenFlags struct {
	Config     string `placeholder:"FILE" help:"Configuration file, YAML."`
	Data       string `placeholder:"DIR" help:"Folder for keys and the log of answers. serve: cuelight-data beside the program; demo: a temporary folder."`
	HTTP       string `name:"http" placeholder:"ADDR" help:"Watch page, studio, HLS, API. Default :8080."`
	HTTPS      string `name:"https" placeholder:"ADDR" help:"The same inside TLS, or off. Default :8443 with a certificate, else off."`
	RTMP       string `name:"rtmp" placeholder:"ADDR" help:"RTMP ingest, or off. Default :1935."`
	RTMPS      string `name:"rtmps" placeholder:"ADDR" help:"RTMP ingest inside TLS, or off. Default :1936 with a certificate, else off."`
	SRT        string `name:"srt" placeholder:"ADDR" help:"SRT ingest (UDP), or off. Default :8890."`
	RTSP       string `name:"rtsp" placeholder:"ADDR" help:"RTSP ingest, or off. Default :8554."`
	WebRTC     string `name:"webrtc" placeholder:"ADDR" help:"Media of WHIP ingest (UDP), or off. Default :8189, or where there is room."`
	Roles      string `placeholder:"LIST" help:"What this node does, of ingest,origin,engine,gateway,studio. Default all."`
	NodeID     string `name:"node-id" placeholder:"NAME" help:"This node's name, unlike every other's. Default made once."`
	NodeListen string `name:"node-listen" placeholder:"ADDR" help:"Where other nodes reach this one. Default 127.0.0.1:8092."`
	NodeURL    string `name:"node-url" placeholder:"URL" help:"How they do."`
	NodePublic string `name:"node-public" placeholder:"URL" help:"How viewers reach this node."`
	Admin      string `placeholder:"ADDR" help:"Metrics, health and profiles, or off. Default 127.0.0.1:9090."`
	LogLevel   string `placeholder:"LEVEL" help:"debug, info, warn or error. Default info."`
	LogFormat  string `placeholder:"FORMAT" help:"text or json. Default text."`
}

type serveCommand struct {
	listenFlags
}

type demoCommand struct {
	listenFlags
	NoBroadcast bool `help:"Leave the channel to an encoder of yours."`
	Viewers     *int `placeholder:"N" help:"Simulated viewers. Default 300."`
}

type checkConfigCommand struct {
	listenFlags
}

type versionCommand struct{}

type tokenCommand struct {
	Producer producerTokenCommand `cmd:"" help:"Print a token that signs a producer in to the studio and the API."`
	Viewer   viewerTokenCommand   `cmd:"" help:"Print a token that gives a viewer a fixed identity."`
	Publish  publishKeyCommand    `cmd:"" help:"Print the stream key of a channel, for an encoder."`
}

type tokenFlags struct {
	Config  string        `placeholder:"FILE" help:"Configuration file, YAML."`
	Data    string        `placeholder:"DIR" help:"The server's data folder."`
	Channel []string      `placeholder:"NAME" help:"Channel the token is good for. Default all; may be repeated."`
	Tenant  string        `placeholder:"NAME" help:"Tenant whose channels the token is good for."`
	TTL     time.Duration `name:"ttl" default:"720h" help:"How long the token is good for."`
}

type producerTokenCommand struct {
	tokenFlags
	URL string `name:"url" placeholder:"URL" help:"Print a sign-in link under this address instead, such as http://localhost:8080."`
}

type viewerTokenCommand struct {
	tokenFlags
	Subject string `required:"" placeholder:"ID" help:"The viewer's identity."`
}

type publishKeyCommand struct {
	Config  string `placeholder:"FILE" help:"Configuration file, YAML."`
	Data    string `placeholder:"DIR" help:"The server's data folder."`
	Channel string `default:"show" placeholder:"NAME" help:"Channel."`
}

// envPrefix begins the name of every environment variable.
const envPrefix = "CUELIGHT_"

// envName is the environment variable of a flag.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// parse reads the command line and returns the command, ready to run.
//
// Errors: errHelp when help was asked for and printed; otherwise what is wrong
// with the arguments.
func parse(args []string, getenv func(string) string, stdout, stderr io.Writer) (func(context.Context) error, error) {
	var c cli
	helped := false
	parser, err := kong.New(&c,
		kong.Name("cuelight"),
		kong.Description("Low-latency live video with answer windows that open together.\nEvery flag is also an environment variable (CUELIGHT_HTTP for --http) and a key of the configuration file."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.Resolvers(envResolver(getenv)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return nil, fmt.Errorf("build command line: %w", err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	chosen, err := parser.Parse(args)
	switch {
	case helped:
		return nil, errHelp
	case err != nil:
		return nil, fmt.Errorf("%w (see cuelight --help)", err)
	}
	program := &program{getenv: getenv, stdout: stdout, stderr: stderr}
	return func(ctx context.Context) error {
		chosen.BindTo(ctx, (*context.Context)(nil))
		return chosen.Run(program)
	}, nil
}

// program is what every command is given: the world outside.
type program struct {
	getenv         func(string) string
	stdout, stderr io.Writer
}

func envResolver(getenv func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if flag.Name == "help" {
			return nil, nil
		}
		if v := getenv(envName(flag.Name)); v != "" {
			return v, nil
		}
		return nil, nil
	})
}

// Run prints the version.
func (versionCommand) Run(p *program) error {
	_, err := fmt.Fprintln(p.stdout, "cuelight", version())
	return err
}

// release is set by the build (-ldflags "-X main.release=v0.1.0").
var release string

func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
