package report

import "math"

// z95 is the point of the normal distribution between whose two sides 95 % lies.
const z95 = 1.959963984540054

// wilson returns the Wilson score interval at 95 % of a share of a in n: where
// the long-run share may lie of which a in n is a sample (E. B. Wilson, Probable
// Inference, 1927). n must be above 0. Both ends are within 0 and 1, rounded to
// four decimals so that every machine prints the same.
func wilson(a, n int) (low, high float64) {
	p, N := float64(a)/float64(n), float64(n)
	middle := p + z95*z95/(2*N)
	half := z95 * math.Sqrt(p*(1-p)/N+z95*z95/(4*N*N))
	over := 1 + z95*z95/N
	return round4(max(0, (middle-half)/over)), round4(min(1, (middle+half)/over))
}

func round4(x float64) float64 { return math.Round(x*1e4) / 1e4 }
