package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/server"
	"github.com/weirgate/weir/server/internal/config"
)

// gcPercent is how much is made between two collections of garbage, in percent of what lives. That is little, some megabytes, and each
// exchange leaves some kilobytes of garbage: at Go's own 100 collecting takes a tenth of the time of a Check. GOGC, where set, goes first.
const gcPercent = 300

const configUsage = "the configuration `file`"

// serve runs Weir until it is told to end.
func serve(ctx context.Context, args []string, _ io.Writer) error {
	fs := flags("serve", "--config FILE [--log-format text|json] [--log-level LEVEL]", "")
	file := fs.String("config", "", configUsage)
	format := fs.String("log-format", "text", "how to log to standard error: text or json")
	var level slog.Level
	fs.TextVar(&level, "log-level", slog.LevelInfo, "what to log: debug, info, warn or error")
	if err := parse(fs, args); err != nil {
		return err
	}
	if err := only(fs, *file != "" && (*format == "text" || *format == "json")); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log := newLogger(*format, level)
	slog.SetDefault(log)
	redisstore.SetLogger(log)
	cfg, err := config.Load(*file)
	if err != nil {
		return configError(err)
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	s, err := server.New(ctx, cfg, server.Options{Version: version(), Reload: hup, Log: log})
	if err != nil {
		return err
	}
	for _, w := range warnings(cfg) {
		log.Warn(w)
	}
	if err := s.Run(ctx); err != nil {
		return err
	}
	log.Info("weir stopped")
	return nil
}

func newLogger(format string, level slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}

// only refuses arguments that are not flags, and flags that do not fit.
func only(fs *flag.FlagSet, fits bool) error {
	if fs.NArg() > 0 {
		fmt.Fprintf(fs.Output(), "unexpected argument %q\n", fs.Arg(0))
	}
	if fs.NArg() > 0 || !fits {
		absent(fs, "config")
		fs.Usage()
		return errUsage
	}
	return nil
}

// absent says above the usage which of the flags that a command needs has no value; what the command does not have is passed over.
func absent(fs *flag.FlagSet, names ...string) {
	for _, name := range names {
		if f := fs.Lookup(name); f != nil && strings.TrimSpace(f.Value.String()) == "" {
			fmt.Fprintf(fs.Output(), "%s: --%s is missing\n", fs.Name(), name)
		}
	}
}

// configError puts each problem of a configuration on a line of its own, where editors find file and line.
func configError(err error) error {
	var ps config.Problems
	if errors.As(err, &ps) {
		return fmt.Errorf("the configuration is not good:\n%w", ps)
	}
	return err
}
