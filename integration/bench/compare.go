package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

const (
	smallRounds = 21  // of each arm in turn
	smallCalls  = 100 // in a round
	bigRounds   = 120 // of one answer each: what an arm and the one that it is compared with go through is the same then
	plainRounds = 10  // of Envoy alone, for information
	flatAnswers = 200 // 8 MB answers over which Weir's memory must stay flat
)

// call is one kind of request.
type call struct {
	answer string // what the upstream answers: small, bigFloats, bigBase64
	token  string // for Weir; the others do not look
}

// send sends the request and reads the answer to its end; it returns how many bytes that were.
func (a *arm) send(ctx context.Context, c call) (int64, error) {
	ask := `{"model":"bench","input":["` + strings.Repeat("a river ", 240) + `"],"encoding_format":"float"}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.envoy.URL+"/v1/embeddings", bytes.NewReader([]byte(ask)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(benchHeader, c.answer)
	if a.name == weir {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return 0, fmt.Errorf("%s: status %d for %s: %s", a.name, resp.StatusCode, c.answer, why)
	}
	return io.Copy(io.Discard, resp.Body)
}

// latencies measures the p50 of each arm, in seconds.
func (b *bench) latencies(ctx context.Context, c call, names ...string) (series, error) {
	s, err := takeTurns(smallRounds, names, func(name string) (float64, error) {
		times := make([]time.Duration, smallCalls)
		for i := range times {
			start := time.Now()
			if _, err := b.arms[name].send(ctx, c); err != nil {
				return 0, err
			}
			times[i] = time.Since(start)
		}
		return median(times).Seconds(), nil
	})
	for _, name := range names {
		if err == nil {
			fmt.Fprintf(b.out, "%-10s %-30s p50 %8.0f µs\n", c.answer, name, s.median(name)*1e6)
		}
	}
	return s, err
}

// throughput measures input bytes per second of each arm. The size is the upstream's answer, whatever of it the client gets.
func (b *bench) throughput(ctx context.Context, c call, rounds int, names ...string) (series, error) {
	size, err := b.arms[plain].send(ctx, c)
	if err != nil {
		return nil, err
	}
	s, err := takeTurns(rounds, names, func(name string) (float64, error) {
		start := time.Now()
		_, err := b.arms[name].send(ctx, c)
		return float64(size) / time.Since(start).Seconds(), err
	})
	for _, name := range names {
		if err == nil {
			fmt.Fprintf(b.out, "%-10s %-30s %8.0f MB/s\n", c.answer, name, s.median(name)/1e6)
		}
	}
	return s, err
}

// compare makes all measurements that go through Envoy.
func (b *bench) compare(ctx context.Context) ([]goal, error) {
	raw, zeroed, err := tokens(b.issuer)
	if err != nil {
		return nil, err
	}
	var goals []goal
	p50, err := b.latencies(ctx, call{small, zeroed}, plain, doNothing, weir)
	if err != nil {
		return nil, err
	}
	goals = append(goals, goal{name: "embeddings-2KB-p50/noop", measured: p50.ratio(weir, doNothing), want: 1.5})
	for _, big := range []struct {
		name string
		call call
	}{{"counted-8MB/noop", call{bigFloats, raw}}, {"zeroed-8MB/noop", call{bigBase64, zeroed}}} {
		if _, err := b.throughput(ctx, big.call, plainRounds, plain); err != nil {
			return nil, err
		}
		rate, err := b.throughput(ctx, big.call, bigRounds, doNothing, weir)
		if err != nil {
			return nil, err
		}
		goals = append(goals, goal{name: big.name, measured: rate.ratio(weir, doNothing), want: 1, atLeast: true})
	}
	memory, err := b.memory(ctx, call{bigBase64, zeroed})
	if err != nil {
		return nil, err
	}
	downloads, err := b.downloads(ctx)
	return append(append(goals, memory), downloads...), err
}

// memory compares Weir's resident memory after a first tenth of the answers with that after all of them.
func (b *bench) memory(ctx context.Context, c call) (goal, error) {
	var early, late int64
	for i := range flatAnswers {
		if _, err := b.arms[weir].send(ctx, c); err != nil {
			return goal{}, err
		}
		var err error
		switch i {
		case flatAnswers / 10:
			early, err = resident(b.arms[weir].server.process.PID())
		case flatAnswers - 1:
			late, err = resident(b.arms[weir].server.process.PID())
		}
		if err != nil {
			return goal{}, err
		}
	}
	fmt.Fprintf(b.out, "resident memory of weir: %d MB after %d answers of 8 MB, %d MB after %d\n", early>>20, flatAnswers/10, late>>20, flatAnswers)
	return goal{name: "resident-memory-growth", measured: float64(late) / float64(max(early, 1)), want: 1.25}, nil
}

// tokens mints one for somebody who gets raw vectors and one for somebody whose vectors are zeroed.
func tokens(issuer *harness.Issuer) (raw, zeroed string, err error) {
	if raw, err = issuer.Mint(map[string]any{"sub": "raw", "groups": []string{"research"}}); err != nil {
		return "", "", fmt.Errorf("mint: %w", err)
	}
	if zeroed, err = issuer.Mint(map[string]any{"sub": "zeroed", "groups": []string{"product"}}); err != nil {
		return "", "", fmt.Errorf("mint: %w", err)
	}
	return raw, zeroed, nil
}
