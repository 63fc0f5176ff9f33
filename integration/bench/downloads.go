package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// The objects that the upstream serves for downloads. Their names tell Weir what they are: a model checkpoint is decided at the heads and
// charged by its length, a log is looked at as it passes.
const (
	checkpointPath  = "/weights/model.safetensors"
	checkpointBytes = 1 << 30
	logPath         = "/corpus/notes.log"
	logBytes        = 64 << 20

	downloadRounds = 11 // of each arm in turn
	streamRounds   = 15 // likewise
)

// serveObject answers with n bytes of text and their length.
func serveObject(n int64) http.HandlerFunc {
	line := bytes.Repeat([]byte("all work and no play makes a dull log of all days\n"), 20<<10)
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		w.Header().Set("Etag", `"1"`)
		for left := n; left > 0; {
			wrote, err := w.Write(line[:min(left, int64(len(line)))])
			if err != nil {
				return
			}
			left -= int64(wrote)
		}
	}
}

// download fetches an object whole.
func (a *arm) download(ctx context.Context, path, token string, want int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.envoy.URL+path, nil)
	if err != nil {
		return err
	}
	if a.name == weir {
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Weir-Justification", "BENCH-1")
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || n != want) {
		err = fmt.Errorf("%s: status %d and %d bytes of %s, want 200 and %d", a.name, resp.StatusCode, n, path, want)
	}
	return err
}

// downloads measures what a model checkpoint costs Envoy's CPU, and how fast an object is that is looked at as it passes.
func (b *bench) downloads(ctx context.Context) ([]goal, error) {
	token, err := b.issuer.Mint(map[string]any{"sub": "loader", "groups": []string{"research", "ml-platform"}})
	if err != nil {
		return nil, err
	}
	var weirs time.Duration
	cpu, err := takeTurns(downloadRounds, []string{plain, weir}, func(name string) (float64, error) {
		a := b.arms[name]
		before, err := cpuTime(a.envoy.PID())
		if err != nil {
			return 0, err
		}
		var beside time.Duration
		if name == weir {
			beside, err = cpuTime(a.server.process.PID())
		}
		if err == nil {
			err = a.download(ctx, checkpointPath, token, checkpointBytes)
		}
		if err != nil {
			return 0, err
		}
		after, err := cpuTime(a.envoy.PID())
		if err == nil && name == weir {
			var now time.Duration
			now, err = cpuTime(a.server.process.PID())
			weirs = max(weirs, now-beside)
		}
		return (after - before).Seconds(), err
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{plain, weir} {
		fmt.Fprintf(b.out, "%-10s %-30s %8.0f ms of Envoy's CPU\n", "1 GiB", name, cpu.median(name)*1e3)
	}
	fmt.Fprintf(b.out, "%-10s %-30s %8.1f ms of Weir's own CPU at most\n", "1 GiB", weir, weirs.Seconds()*1e3)
	rate, err := takeTurns(streamRounds, []string{doNothing, weir}, func(name string) (float64, error) {
		start := time.Now()
		err := b.arms[name].download(ctx, logPath, token, logBytes)
		return logBytes / time.Since(start).Seconds(), err
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{doNothing, weir} {
		fmt.Fprintf(b.out, "%-10s %-30s %8.0f MB/s\n", "64 MiB", name, rate.median(name)/1e6)
	}
	return []goal{
		{name: "download-1GiB-cpu/plain", measured: cpu.ratio(weir, plain), want: 1.05},
		{name: "streamed-64MiB/noop", measured: rate.ratio(weir, doNothing), want: .9, atLeast: true},
	}, nil
}
