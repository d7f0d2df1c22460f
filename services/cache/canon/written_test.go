package canon_test

import "testing"

// A word that ends in s and has a meaning of its own is no plural, be it in small letters.
func TestWordsInSThatAreNoPlurals(t *testing.T) {
	pairs{
		{"make an http request with curl", "make an https request with curl", false},
		{"who invented aids", "who invented aid", false},
		{"how does aids spread", "how does aid spread", false},
		{"how far away is mars", "how far away is mar", false},
		{"what does a bios do", "what does a bio do", false},
		{"how do I treat shingles", "how do I treat a shingle", false},
		{"how do I treat hives", "how do I treat a hive", false},
		{"how do dental braces work", "how does a dental brace work", false},
		{"what are the news", "what are the new", false},
		{"how big is a marine corps", "how big is a marine corp", false},
		{"what is a lens", "what is a len", false},
		{"how do I install jenkins", "how do I install jenkin", false},
		{"what is a dns", "what is a dn", false},
		{"how does gps work", "how does gp work", false},
		{"how do hearing aids work", "how does a hearing aid work", true},
		{"how do llamas spit", "how does a llama spit", true},
		{"what is the point of visual aids", "what is the point of a visual aid", true},
		{"how does https work", "How does HTTPS work?", true},
		{"how does aids spread", "How does Aids spread?", false},
		{"what aids exist", "what AIDS exist", false},
		{"how does aids spread", "How is aids spread?", false},
		{"how does aids spread", "How does aids spread?", true},
		{"how do I design an app", "how do I design apps", true},
		{"how do urls work", "how does a URL work", true},
	}.test(t)
}

// A sign behind a single letter is the letter's.
func TestSignsOfLetters(t *testing.T) {
	pairs{
		{"can o- donate to a", "can o donate to a", false},
		{"is a- blood rare", "is a blood rare", false},
		{"is a- blood rare", "is a+ blood rare", false},
		{"is a C- passing", "is a C passing", false},
		{"what gpa is a B-", "what gpa is a B", false},
		{"what gpa is a B-?", "what gpa is a B+?", false},
		{"who can give to AB-?", "who can give to AB?", false},
		{"who can give to ab+?", "who can give to ab?", false},
		{"is an A−, a good mark", "is an A, a good mark", false},
		{"what gpa is a B-?", "what GPA is a b-", true},
		{"who can give to AB-?", "Who can give to ab-", true},
		{"is blood rare - or not", "is blood rare or not", true},
		{"how do x-rays work", "how do X-rays work", true},
	}.test(t)
}

// Where the case of a unit's prefix, or of its bits and bytes, decides, small letters are the same as themselves
// alone.
func TestPrefixesOfUnits(t *testing.T) {
	for _, u := range [...][2]string{
		{"Mbps", "MBps"}, {"kbps", "kBps"}, {"Gbps", "GBps"}, {"mPa", "MPa"}, {"mW", "MW"}, {"mHz", "MHz"}, {"Kb", "KB"}, {"mm", "Mm"},
		{"Mg", "mg"}, {"mbps", "Mbps"}, {"gbps", "GBps"}, {"mpa", "MPa"}, {"mw", "MW"}, {"kb", "kB"}, {"mj", "MJ"}, {"mv", "mV"},
	} {
		pairs{
			{"how much is a " + u[0], "how much is a " + u[1], false},
			{"is 40 " + u[0] + " a lot", "is 40 " + u[1] + " a lot", false},
			{"is 40" + u[0] + " a lot", "is 40" + u[1] + " a lot", false},
			{"how much is a " + u[0], "How much is a " + u[0] + "?", true},
			{"is 40 " + u[1] + " a lot", "Is 40" + u[1] + " a lot?", true},
		}.test(t)
	}
	pairs{
		{"how much is a GHz", "how much is a ghz", true},
		{"is 40 kHz a lot", "is 40 khz a lot", true},
		{"how fast are 40 Kbps", "how fast are 40 kbps", true},
		{"is 40 KB a lot", "is 40 kB a lot", true},
		{"is 40 Km a lot", "is 40 km a lot", true},
		{"HOW FAST IS AN MBPS", "how fast is an mbps", true},
	}.test(t)
}

// What is short for something isn't the same as that where it is asked about itself, nor is one word two.
func TestWordsThatAreAskedAbout(t *testing.T) {
	pairs{
		{"expand the contraction won't", "expand the contraction will not", false},
		{"how to write isn't", "how to write is not", false},
		{"contraction of don't", "contraction of do not", false},
		{"full form of don't", "full form of do not", false},
		{"what is the short form of they'd?", "what is the short form of they would?", false},
		{"is don't one word", "is do not one word", false},
		{"is ain't a word", "is is not a word", false},
		{"what does won't mean", "what does wont mean", false},
		{"what does it's mean", "what does it is mean", false},
		{"how to say gonna", "how to say going to", false},
		{"how do you pronounce 'they're'", "how do you pronounce they are", false},
		{"the difference between can't and may not", "the difference between cannot and may not", false},
		{"who's vs whose", "who is vs whose", false},
		{"is it's or its right", "is it is or its right", false},
		{"is it one word: everyday", "is it one word: every day", false},
		{"is everyday one word or two", "is every day one word or two", false},
		{"how is black-bird written", "how is black bird written", false},
		{"how do I say black-bird", "how do I say black bird", false},
		{"does black-bird have a hyphen", "does black bird have a hyphen", false},
		{"why isn't Pluto a planet", "Why is not Pluto a planet?", true},
		{"what's the full form of NASA", "what is the full form of NASA", true},
		{"how do I write a well-known song", "how do I write a well known song", true},
		{"how do I describe Rome in one word", "how can I describe Rome in one word", true},
		{"why don't people write letters by hand", "why do people not write by hand", false},
		{"what's the difference between tea and chai", "what is the difference between tea and chai", true},
		{"what doesn't kill a weed", "what does not kill a weed", true},
		{"what isn't a fruit", "what is not a fruit", true},
	}.test(t)
}

// What is declared or is a condition of SQL is program text.
func TestDeclarationsAndConditions(t *testing.T) {
	pairs{
		{"go func f() (int, error)", "go func f() (error, int)", false},
		{"is null in sql", "is not null in sql", false},
		{"where a is not null in postgres", "where A is not null in postgres", false},
		{"what does func Main() do", "what does func main() do", false},
		{"what does print() do", "What does print() do?", true},
		{"what is null in sql", "What is null in SQL?", true},
	}.test(t)
}

// Quotes are part of what is written in a format or a program's language, and elsewhere no more than
// an emphasis.
func TestQuotesAreWritten(t *testing.T) {
	pairs{
		{`is "true" valid json`, "is true valid json", false},
		{`is "null" a keyword`, "is null a keyword", false},
		{`is "true" valid json`, `Is “true” valid JSON?`, true},
		{`what is a "sonnet"`, "what is a sonnet", true},
	}.test(t)
}
