package reading

import "strings"

// function is what a word of grammar does.
type function uint8

const (
	article function = 1 << iota
	pronoun
	asking // what, how, …
	auxiliary
	preposition
	conjunction
	other
)

// functions are the words of grammar. They are never names, never inflected, and never
// corrected to something else.
var functions = func() map[string]function {
	m := map[string]function{}
	for f, list := range map[function][]string{
		article: {"a", "an", "the"},
		pronoun: {
			"i", "you", "he", "she", "it", "we", "they", "me", "him", "her", "us", "them", "my", "your", "his",
			"its", "our", "their", "mine", "yours", "hers", "ours", "theirs", "myself", "yourself", "himself",
			"herself", "itself", "ourselves", "yourselves", "themselves", "one", "oneself", "someone", "somebody",
			"anyone", "anybody", "everyone", "everybody", "something", "anything", "everything", "nothing", "nobody",
			"this", "that", "these", "those",
		},
		asking: {"what", "which", "who", "whom", "whose", "when", "where", "why", "how"},
		auxiliary: {
			"be", "is", "are", "am", "was", "were", "been", "being", "do", "does", "did", "have", "has", "had",
			"having", "can", "could", "will", "would", "shall", "should", "may", "might", "must", "ought",
		},
		preposition: {
			"of", "in", "on", "at", "by", "for", "with", "without", "about", "against", "between", "into", "through",
			"during", "before", "after", "above", "below", "to", "from", "up", "down", "off", "over", "under",
			"since", "until", "till", "within", "among", "across", "behind", "beyond", "toward", "towards", "onto",
			"upon", "via", "per", "than", "as", "like", "despite", "except", "besides", "beside", "around", "near",
			"inside", "outside", "along", "out", "versus", "vs",
		},
		conjunction: {"and", "or", "but", "nor", "so", "if", "because", "while", "whether", "though", "although", "unless", "once"},
		other: {
			"not", "no", "never", "there", "here", "then", "too", "also", "very", "just", "only", "more", "most", "less",
			"least", "some", "any", "all", "each", "every", "both", "either", "neither", "other", "another", "such",
			"own", "same", "much", "many", "few", "little", "several", "none", "even", "still", "yet", "ever", "now",
			"again", "please", "etc",
		},
	} {
		for _, w := range list {
			m[w] |= f
		}
	}
	return m
}()

// AllPrepositions are the prepositions of grammar but some, with others that are words of content as well.
func AllPrepositions(but, with string) map[string]bool {
	m := Set(with)
	less := Prepositions(but)
	for w, f := range functions {
		if f&preposition != 0 && !less[w] {
			m[w] = true
		}
	}
	return m
}

// Prepositions is the set of a list of some of the prepositions of grammar. It panics when one is none: the lists of
// them that rules have are parts of one.
func Prepositions(list string) map[string]bool {
	m := Set(list)
	for w := range m {
		if functions[w]&preposition == 0 {
			panic("reading: no preposition: " + w) // a mistake in a list
		}
	}
	return m
}

// runTogether are contractions without their apostrophe, and short spellings.
var runTogether = map[string][]string{
	"cannot": {"can", "not"}, "cant": {"can", "not"}, "dont": {"do", "not"}, "doesnt": {"does", "not"},
	"didnt": {"did", "not"}, "isnt": {"is", "not"}, "arent": {"are", "not"}, "wasnt": {"was", "not"},
	"werent": {"were", "not"}, "couldnt": {"could", "not"}, "shouldnt": {"should", "not"},
	"wouldnt": {"would", "not"}, "havent": {"have", "not"}, "hasnt": {"has", "not"}, "hadnt": {"had", "not"},
	"wont": {"will", "not"}, "mustnt": {"must", "not"}, "im": {"i", "am"}, "ive": {"i", "have"},
	"youre": {"you", "are"}, "youve": {"you", "have"}, "theyre": {"they", "are"}, "whats": {"what", "is"},
	"hows": {"how", "is"}, "wheres": {"where", "is"}, "whos": {"who", "is"}, "thats": {"that", "is"},
	"theres": {"there", "is"}, "wanna": {"want", "to"}, "gonna": {"going", "to"}, "gotta": {"have", "to"},
	"u": {"you"}, "ur": {"your"}, "pls": {"please"}, "plz": {"please"}, "thx": {"thanks"}, "cuz": {"because"},
	"bcoz": {"because"}, "coz": {"because"}, "wat": {"what"}, "wht": {"what"}, "y'all": {"you"},
}

// foreign counts words of grammar: those that only English has, against those of its
// neighbours that English doesn't have. A text with accents needs one of the former.
func foreign(words []Word, accents bool) bool {
	var ours, only, theirs int
	for i := range words {
		switch w := &words[i]; {
		case w.Quoted:
		case elsewhere[w.Text], elsewhere[strings.ToLower(w.typed)]: // "wat" may have become "what"
			theirs++
		case w.Function && len(w.Text) > 1:
			ours++
			if !shared[w.Text] {
				only++
			}
		}
	}
	return accents && ours == 0 || theirs > 1 && theirs >= ours || theirs == 1 && only == 0
}

// shared are words of grammar that are such in a neighbour of English as well: the German was.
var shared = Set("was so am an as on he has me no do")

// elsewhere are frequent words of grammar in German, French, Spanish, Italian, Portuguese,
// Dutch, and the Scandinavian languages. Those that are English words too are left out.
var elsewhere = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range []string{
		"der", "das", "und", "ist", "wie", "ich", "nicht", "ein", "eine", "einen", "einem", "mit", "auf", "für",
		"fur", "sind", "wir", "sie", "kann", "mein", "meine", "wo", "warum", "welche", "welcher", "zu", "zum",
		"zur", "im", "dem", "den", "des", "von", "vom", "bei", "nach", "über", "oder", "auch", "wird",
		"le", "les", "est", "une", "un", "et", "pour", "que", "qui", "quel", "quelle", "comment", "je", "vous",
		"nous", "dans", "sur", "avec", "ce", "cette", "au", "aux", "du", "mon", "pourquoi", "où", "quels", "sont",
		"el", "los", "las", "una", "es", "como", "cómo", "qué", "cuál", "por", "para", "con", "del", "mi", "puedo",
		"se", "dónde", "il", "lo", "gli", "che", "è", "di", "per", "sono", "perché", "nel", "della",
		"o", "os", "um", "uma", "não", "é", "do", "da", "em", "meu", "het", "een", "van", "hoe", "ik", "wat",
		"niet", "quem", "quanti", "habe", "haben", "bin", "wer", "wann", "mijn", "voor", "zijn", "welke", "waar", "waarom", "och", "att", "det", "hur", "jag", "är", "som", "på", "og", "hvordan", "jeg", "af", "til", "ikke",
	} {
		if functions[w] == 0 {
			m[w] = true
		}
	}
	return m
}()
