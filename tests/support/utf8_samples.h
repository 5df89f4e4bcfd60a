#pragma once

#include <string>
#include <utility>
#include <vector>

/// UTF-8 at the edges of what RFC 3629 allows, with names.
namespace cryo::test {

/// Sequences after which no byte can make the text valid again.
inline const std::vector<std::pair<std::string, std::string>>& broken_utf8() {
    static const std::vector<std::pair<std::string, std::string>> all = {
        {"continuation 80", "\x80"},
        {"continuation BF", "\xbf"},
        {"continuations", "\x80\xbf\x80"},
        {"continuation after text", "abc\x80"},
        {"two-byte lead, space", "\xc2 "},
        {"two-byte lead, lead", "\xdf\xc2"},
        {"three-byte lead, space", "\xe1 "},
        {"three-byte form cut", "\xe1\x80 "},
        {"four-byte lead, space", "\xf1 "},
        {"four-byte form cut", "\xf1\x80\x80 "},
        {"one continuation too many", "\xc3\xa9\x80"},
        {"FE", "\xfe"},
        {"FF", "\xff"},
        {"overlong / of two", "\xc0\xaf"},
        {"overlong / of three", "\xe0\x80\xaf"},
        {"overlong / of four", "\xf0\x80\x80\xaf"},
        {"overlong / of five", "\xf8\x80\x80\x80\xaf"},
        {"overlong / of six", "\xfc\x80\x80\x80\x80\xaf"},
        {"overlong NUL", "\xc0\x80"},
        {"highest overlong of two", "\xc1\xbf"},
        {"highest overlong of three", "\xe0\x9f\xbf"},
        {"highest overlong of four", "\xf0\x8f\xbf\xbf"},
        {"five-byte form", "\xf8\x88\x80\x80\x80"},
        {"six-byte form", "\xfc\x84\x80\x80\x80\x80"},
        {"U+110000", "\xf4\x90\x80\x80"},
        {"F5", "\xf5\x80\x80\x80"},
        {"first surrogate", "\xed\xa0\x80"},
        {"last high surrogate", "\xed\xaf\xbf"},
        {"first low surrogate", "\xed\xb0\x80"},
        {"last surrogate", "\xed\xbf\xbf"},
        {"surrogate pair", "\xed\xa0\x80\xed\xb0\x80"},
        {"edited Greek",
         "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"
         "edited"},
    };
    return all;
}

inline const std::vector<std::pair<std::string, std::string>>& good_utf8() {
    static const std::vector<std::pair<std::string, std::string>> all = {
        {"mixed", "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!"},
        {"Greek", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"},
        {"NUL", std::string(1, '\0')},
        {"U+007F", "\x7f"},
        {"U+0080", "\xc2\x80"},
        {"U+07FF", "\xdf\xbf"},
        {"U+0800", "\xe0\xa0\x80"},
        {"U+D7FF", "\xed\x9f\xbf"},
        {"U+E000", "\xee\x80\x80"},
        {"U+FFFD", "\xef\xbf\xbd"},
        {"U+FFFE", "\xef\xbf\xbe"},
        {"U+FFFF", "\xef\xbf\xbf"},
        {"U+FDD0", "\xef\xb7\x90"},
        {"U+10000", "\xf0\x90\x80\x80"},
        {"U+1FFFF", "\xf0\x9f\xbf\xbf"},
        {"U+2FFFE", "\xf0\xaf\xbf\xbe"},
        {"U+FFFFF", "\xf3\xbf\xbf\xbf"},
        {"U+100000", "\xf4\x80\x80\x80"},
        {"U+10FFFE", "\xf4\x8f\xbf\xbe"},
        {"U+10FFFF", "\xf4\x8f\xbf\xbf"},
    };
    return all;
}

}  // namespace cryo::test
