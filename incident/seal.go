package incident

import "time"

// Seal makes the record of part i of a reading: names become marks, keys and
// claims are bounded, and each claim is graded as far as its own signal
// decides (rules.md section 1). tolerance is how far the source's clock may
// run ahead of ours.
func Seal(p Pepper, s Stored, r Reading, i int, tolerance time.Duration) *SignalRecord {
	return SealPart(p, SealBare(p, s, r.Interpreter), r, i, tolerance)
}

// SealPart is Seal for whoever has the bare record of the signal already.
func SealPart(p Pepper, bare *SignalRecord, r Reading, i int, tolerance time.Duration) *SignalRecord {
	f := r.Parts[i]
	whole := *bare
	rec := &whole
	rec.Part = i
	rec.Opening, rec.Trust, rec.Route = f.Opening, f.Trust, f.Route
	rec.Observer = p.Observer(f.Observer)
	rec.Attrs, rec.Act, rec.Flags = f.Attrs, f.Act, f.Flags
	if !f.Receipt.IsZero() {
		rec.Receipt = utc(f.Receipt)
	}
	for _, k := range f.Keys {
		if len(rec.Keys) == MaxKeys {
			rec.MoreKeys++
			continue
		}
		rec.Keys = append(rec.Keys, p.Key(k))
	}
	for _, c := range f.Claims {
		if len(rec.Claims) == MaxClaims {
			break
		}
		rec.Claims = append(rec.Claims, sealClaim(p, c, f.Observer, rec.Receipt, tolerance))
	}
	return rec
}

// MaxClaims bounds the claims of one part of a signal.
const MaxClaims = 32

// SealBare makes the record of a signal of which nothing was read.
func SealBare(p Pepper, s Stored, interpreter string) *SignalRecord {
	return &SignalRecord{
		Mark: p.Signal(s.ID), Commit: s.Commit, Pos: s.Pos, Source: s.Source, Channel: s.Channel,
		Received: utc(s.Received), Receipt: utc(s.Received), Interpreter: interpreter,
	}
}

func sealClaim(p Pepper, c Claim, observer string, receipt time.Time, tolerance time.Duration) SealedClaim {
	sc := SealedClaim{
		Milestone: c.Milestone,
		Interval:  Interval{utc(c.Interval.Earliest), utc(c.Interval.Latest)},
		Basis:     c.Basis, Receiver: c.Receiver, Void: c.Void, Flags: c.Flags, Words: c.Words,
	}
	if c.Observer != "" && c.Observer != observer {
		sc.Observer = p.Observer(c.Observer)
	}
	if !sc.Interval.Valid() && sc.Void == "" {
		sc.Void = VoidRejected
	}
	if sc.Void != "" && sc.Void != VoidOffered {
		return sc
	}
	if ahead := sc.Interval.Earliest.Sub(receipt); !sc.Interval.Earliest.IsZero() && ahead > 0 {
		if ahead > tolerance {
			sc.Void, sc.Flags = VoidFuture, append(sc.Flags, FlagSkewed)
			return sc
		}
		sc.Interval, sc.Flags = At(receipt), append(sc.Flags, FlagClipped)
	}
	if sc.Basis == Stated && !sc.Interval.Latest.IsZero() && receipt.Sub(sc.Interval.Latest) > FarPast {
		sc.Weak, sc.Flags = true, append(sc.Flags, FlagFarPast)
	}
	return sc
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}
