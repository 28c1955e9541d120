package incident

// Whys lists every reason of an entry, an alert or a crossing.
func Whys() []Why {
	return []Why{WhyNew, WhyKey, WhyLeaf, WhyAfterGap, WhyAcrossCut, WhyByPerson, WhyBridge, WhyVouched,
		WhyLeafClaimed, WhyDetached, WhyWithdrawn, WhyDuplicate, WhyBackfill, WhyDue, WhyDueLate,
		WhySourcesRead, WhyWaitedOut, WhyNoNews, WhyNotIncident,
		WhyMalformed, WhyTooLarge, WhyTooManyParts, WhyTruncated, WhyTooDeep, WhyUnreadable, WhyEncrypted,
		WhyMapping, WhyPanicked, WhyTimedOut, WhyUnknownSource, WhyStub,
		WhyChangedSince, WhyContradicts, WhyNoIncident, WhyNoSignal, WhyRoleNeeded, WhyReasonNeeded,
		WhySamePerson, WhyNothingToDo, WhyInvalidAct, WhyAlreadyMerged,
		WhyStopped, WhyReadLate, WhyRedated, WhyExcluded, WhyMerged, WhySuperseded, WhyQuiet}
}

// Flags lists every remark on a claim, a milestone or a clock.
func Flags() []Flag {
	return []Flag{FlagHourTwice, FlagHourMissing, FlagClipped, FlagSkewed, FlagDateOnly, FlagAbout,
		FlagMonthFirst, FlagFarPast, FlagInconsistent, FlagToldBefore, FlagWide, FlagManyStated,
		FlagUnconfirmed, FlagMayBeOver, FlagProvisional, FlagInternalDate, FlagReceivedHop, FlagAutomatic, FlagUnreadTime,
		FlagMidnight, FlagPartOfDay, FlagEitherHalf, FlagEitherDay, FlagSenderZone, FlagSpansSent, FlagAfterSent, FlagAgo,
		FlagReply, FlagList, FlagCalendar, FlagAdvice, FlagBounced,
		FlagDKIMPass, FlagDKIMFail, FlagDKIMUnknown, FlagResultsPass, FlagResultsFail}
}

// Openings lists what a signal may do where no incident is there yet.
func Openings() []Opening { return []Opening{Opens, Candidate, JoinsOnly, NotRelated} }

// Trusts lists every grade of trust, best first.
func Trusts() []Trust { return []Trust{Authenticated, Aligned, Vouched, Unauthenticated} }

// Bases lists every basis of a claim.
func Bases() []Basis { return []Basis{Recorded, Stated, Derived, Assumed, Corrected} }

// Voids lists every reason for which a claim does not count.
func Voids() []Void {
	return []Void{VoidRejected, VoidAutomatic, VoidBounce, VoidOurs, VoidFuture, VoidOffered}
}

// Doubts lists every reason for which a clock is undetermined.
func Doubts() []Doubt { return []Doubt{DoubtStraddles, DoubtWeak, DoubtSecondPerson} }

// Routes lists the ways in which people hear.
func Routes() []Route { return []Route{RoutePerson, RouteAutomatic} }

// Roles lists what a person may be.
func Roles() []Role { return []Role{RoleDesk, RoleManager} }

// Personals lists the answers to whether personal data are concerned.
func Personals() []Personal { return []Personal{PersonalUnknown, PersonalYes, PersonalNo} }

// Statuses lists every status of an incident.
func Statuses() []Status { return []Status{StatusCandidate, StatusOpen, StatusMerged} }

// LinkWhys lists what may suggest a link.
func LinkWhys() []LinkWhy {
	return []LinkWhy{LinkWeakKey, LinkObserver, LinkOrg, LinkGap, LinkCut, LinkLeaf}
}

// LinkStates lists what may become of a suggestion.
func LinkStates() []LinkState { return []LinkState{LinkOffered, LinkAccepted, LinkRefused} }

// NoteCodes lists what a note may be about.
func NoteCodes() []NoteCode {
	return []NoteCode{NoteStarted, NoteBackfillBegin, NoteBackfillEnd, NoteErased, NoteGap, NoteAcceptedLoss, NoteAnchor,
		NoteUnread, NoteRead, NoteSilent, NoteHeard}
}

// Refusals lists every reason for which a record is not worked with.
func Refusals() []Refusal {
	return []Refusal{RefusedFirst, RefusedDeleted, RefusedMissing, RefusedAhead, RefusedStale, RefusedRecord,
		RefusedDiffers, RefusedVault, RefusedSignal, RefusedUnread, RefusedTwice, RefusedReference}
}
