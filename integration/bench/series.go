package main

import "slices"

// series is what was measured of each arm: one value for each round.
type series map[string][]float64

// takeTurns measures each arm once a round, in another order each time, so that whatever else the machine does falls on all alike. A
// first round does not count.
func takeTurns(rounds int, names []string, measure func(name string) (float64, error)) (series, error) {
	s := series{}
	for round := range rounds + 1 {
		for i := range names {
			name := names[(round+i)%len(names)]
			v, err := measure(name)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				s[name] = append(s[name], v)
			}
		}
	}
	return s, nil
}

// median is an arm's median over the rounds.
func (s series) median(name string) float64 { return median(slices.Clone(s[name])) }

// ratio is the median over the rounds of one arm's value by another's. The two of a round were measured one soon after the other, so that
// a machine that is busy for a while does not count for one of them only.
func (s series) ratio(over, under string) float64 {
	all := make([]float64, len(s[over]))
	for i := range all {
		all[i] = s[over][i] / s[under][i]
	}
	return median(all)
}

// median returns the middle value; the slice is sorted by it.
func median[T ~int64 | ~float64](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}
