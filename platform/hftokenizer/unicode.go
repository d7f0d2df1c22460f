package hftokenizer

import "unicode"

// The library's tables of characters are of other versions of Unicode than Go's: those for
// BERT of 2015 (Unicode 8), those of grapheme clusters newer than Go's. These are the
// differences, as TestCharactersAsRecorded finds them; that test fails when a new version of
// Go changes what they correct.

// laterPunctuation is punctuation to Go and not to the library.
var laterPunctuation = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x61D, 0x61D, 1}, {0x9FD, 0x9FD, 1}, {0xA76, 0xA76, 1}, {0xC77, 0xC77, 1}, {0xC84, 0xC84, 1},
		{0x1B7D, 0x1B7E, 1}, {0x2E43, 0x2E4F, 1}, {0x2E52, 0x2E5D, 1},
	},
	R32: []unicode.Range32{
		{0x10EAD, 0x10EAD, 1}, {0x10F55, 0x10F59, 1}, {0x10F86, 0x10F89, 1}, {0x1144B, 0x1144F, 1},
		{0x1145A, 0x1145B, 1}, {0x1145D, 0x1145D, 1}, {0x11660, 0x1166C, 1}, {0x116B9, 0x116B9, 1},
		{0x1183B, 0x1183B, 1}, {0x11944, 0x11946, 1}, {0x119E2, 0x119E2, 1}, {0x11A3F, 0x11A46, 1},
		{0x11A9A, 0x11A9C, 1}, {0x11A9E, 0x11AA2, 1}, {0x11B00, 0x11B09, 1}, {0x11C41, 0x11C45, 1},
		{0x11C70, 0x11C71, 1}, {0x11EF7, 0x11EF8, 1}, {0x11F43, 0x11F4F, 1}, {0x11FFF, 0x11FFF, 1},
		{0x12FF1, 0x12FF2, 1}, {0x16E97, 0x16E9A, 1}, {0x16FE2, 0x16FE2, 1}, {0x1E95E, 0x1E95F, 1},
	},
}

// formerPunctuation is punctuation to the library, and no longer to Go.
var formerPunctuation = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x166D, 0x166D, 1},
	},
	R32: []unicode.Range32{
		{0x111C9, 0x111C9, 1},
	},
}

// laterControls are format characters to Go and none to the library.
var laterControls = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x890, 0x891, 1}, {0x8E2, 0x8E2, 1},
	},
	R32: []unicode.Range32{
		{0x110CD, 0x110CD, 1}, {0x13430, 0x1343F, 1},
	},
}

// apart are spacing marks that start a grapheme cluster of their own.
var apart = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x102B, 0x102C, 1}, {0x1038, 0x1038, 1}, {0x1062, 0x1064, 1}, {0x1067, 0x106D, 1},
		{0x1083, 0x1083, 1}, {0x1087, 0x108C, 1}, {0x108F, 0x108F, 1}, {0x109A, 0x109C, 1},
		{0x1A61, 0x1A61, 1}, {0x1A63, 0x1A64, 1}, {0xAA7B, 0xAA7B, 1}, {0xAA7D, 0xAA7D, 1},
	},
}
