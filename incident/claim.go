package incident

import "time"

// A Milestone is a moment in the life of an incident. A policy may name others
// than these; a name matches [a-z_]{1,40}.
type Milestone string

// The milestones that the program itself knows.
const (
	Occurred          Milestone = "occurred"
	Detected          Milestone = "detected"
	ReportedToDesk    Milestone = "reported_to_desk"
	Reported          Milestone = "reported"
	Aware             Milestone = "aware"
	Acknowledged      Milestone = "acknowledged"
	Categorised       Milestone = "categorised"
	FormReceived      Milestone = "form_received"
	SIROInformed      Milestone = "siro_informed"
	RegulatorNotified Milestone = "regulator_notified"
	Contained         Milestone = "contained"
	Closed            Milestone = "closed"
)

// Milestones lists the milestones that the program itself knows.
func Milestones() []Milestone {
	return []Milestone{Occurred, Detected, ReportedToDesk, Reported, Aware, Acknowledged,
		Categorised, FormReceived, SIROInformed, RegulatorNotified, Contained, Closed}
}

// Receipt reports whether m is stopped only by what a receiver recorded: a
// sender's own "I told you" is weak for these (rules.md section 1).
func (m Milestone) Receipt() bool { return m == Reported || m == ReportedToDesk }

// A Basis says where a claim's time comes from.
type Basis string

// The bases.
const (
	Recorded  Basis = "recorded"  // stamped by a system that we trust
	Stated    Basis = "stated"    // a person wrote it
	Derived   Basis = "derived"   // inferred by us
	Assumed   Basis = "assumed"   // a default
	Corrected Basis = "corrected" // set by a named person with a reason
)

// Trust says how sure we are of who made a claim.
type Trust string

// The grades of trust, best first.
const (
	Authenticated   Trust = "authenticated"
	Aligned         Trust = "aligned"
	Vouched         Trust = "vouched"
	Unauthenticated Trust = "unauthenticated"
)

// Known reports whether the claim's author counts as known.
func (t Trust) Known() bool { return t == Authenticated || t == Aligned || t == Vouched }

// A Void is the reason for which a claim is shown but never computed with.
type Void string

// The reasons for which a claim is void.
const (
	VoidRejected  Void = "rejected"   // by a person
	VoidAutomatic Void = "auto_reply" // from an auto-reply
	VoidBounce    Void = "bounce"     // from a delivery report
	VoidOurs      Void = "our_alert"  // from an alert of our own that came back
	VoidFuture    Void = "in_future"  // begins later than its signal's receipt and the tolerance
	// VoidOffered is a time that no word says what it is the time of. It is the
	// one void that a person's acceptance lifts.
	VoidOffered Void = "offered"
)

// A Claim says that one milestone lies within an interval, and who says so on
// what ground.
type Claim struct {
	Milestone Milestone
	Interval  Interval
	Basis     Basis
	// Observer is who or what says so, for example a mail address or a source
	// name. The record keeps it as a Mark.
	Observer string
	// Receiver marks a stop claim that the receiving side made: our server's
	// stamp, the desk's system, or a person of the receiving desk.
	Receiver bool
	// Words is the byte range of the words in the signal's raw bytes, or in
	// the text that the interpreter made of them. The words stay there.
	Words [2]int
	// Flags say what else the interpreter saw, for example "hour_twice".
	Flags []Flag
	// Void is set where the interpreter knows that the claim must not count.
	Void Void
}

// A Flag is a remark from a closed set on a claim, a milestone or a clock.
type Flag string

// The flags.
const (
	FlagHourTwice    Flag = "hour_twice"     // a civil time that exists twice when the clocks go back
	FlagHourMissing  Flag = "hour_missing"   // a civil time that does not exist when the clocks go forward
	FlagClipped      Flag = "clipped"        // began after its signal's receipt within the tolerance
	FlagSkewed       Flag = "skewed"         // began after its signal's receipt beyond the tolerance
	FlagDateOnly     Flag = "date_only"      // no time of day was given
	FlagAbout        Flag = "about"          // said to be approximate
	FlagMonthFirst   Flag = "month_first"    // month before day, because the other order is no date
	FlagFarPast      Flag = "far_past"       // stated more than seven days before its signal's receipt
	FlagInconsistent Flag = "inconsistent"   // one observer's claims do not meet
	FlagToldBefore   Flag = "told_before"    // a start claim begins after the incident was told
	FlagWide         Flag = "wide"           // says the same as a narrower claim, less exactly
	FlagManyStated   Flag = "many_observers" // one of more than 20 stating observers
	FlagUnconfirmed  Flag = "report_unconfirmed"
	FlagMayBeOver    Flag = "may_be_over"
	FlagProvisional  Flag = "provisional"
	FlagInternalDate Flag = "by_internaldate" // the receipt is IMAP INTERNALDATE, no trusted Received header
	FlagReceivedHop  Flag = "by_received"     // the receipt is the topmost Received header of a trusted host
	FlagAutomatic    Flag = "automatic"       // sent by a machine, not a person
	FlagUnreadTime   Flag = "time_unread"     // a machine's time stood there and could not be read

	// What was found of who sent a mail.
	FlagDKIMPass    Flag = "dkim_pass"      // we verified a signature by the domain in From
	FlagDKIMFail    Flag = "dkim_fail"      // a signature by the domain in From that we do not accept
	FlagDKIMUnknown Flag = "dkim_temperror" // the key of such a signature could not be had
	FlagResultsPass Flag = "results_pass"   // our mail system proves the domain in From
	FlagResultsFail Flag = "results_fail"   // our mail system says dmarc=fail
	FlagMidnight    Flag = "midnight"       // of which night is not sure
	FlagPartOfDay   Flag = "part_of_day"    // a part of the day and no time: its hours
	FlagEitherHalf  Flag = "either_half"    // neither am nor pm was written, and both could be
	FlagEitherDay   Flag = "either_day"     // which day is not sure: none was written, or its name means two
	FlagSenderZone  Flag = "sender_zone"    // read in the zone of the mail's Date header, which is not London's
	FlagSpansSent   Flag = "spans_sent"     // sent long before its receipt: counted from both
	FlagAfterSent   Flag = "after_sent"     // begins after the time at which the mail says it was sent
	FlagAgo         Flag = "ago"            // counted back from the sending
	FlagReply       Flag = "reply"          // an answer within a thread
	FlagList        Flag = "list_mail"      // came by a mailing list or in bulk
	FlagCalendar    Flag = "calendar"       // an invitation, or an answer to one
	FlagAdvice      Flag = "advice"         // asks whether something is allowed, tells of nothing
	FlagBounced     Flag = "bounced_alert"  // an alert of our own was not delivered
)

// FarPast is how long before its signal's receipt a stated time may lie before
// a person must accept it (rules.md section 1).
const FarPast = 7 * 24 * time.Hour

// ManyObservers is the number of stating observers above which one slip among
// them must not decide (rules.md section 1).
const ManyObservers = 20

// DefaultTolerance is how far a source's clock may run ahead of ours.
const DefaultTolerance = 5 * time.Minute
