using static Switchyard.Sql.Lexing.ByteClass;

namespace Switchyard.Sql.Lexing;

/// <summary>Whitespace and comments, and those comments that are text to some servers.</summary>
internal ref partial struct Lexer
{
    /// <summary>Skips whitespace and comments; false when one of them cannot be read to its end.</summary>
    private bool SkipTrivia(ref Token token)
    {
        while (_position < _sql.Length && !_identifierNext)
        {
            var c = _sql[_position];
            if (IsSpace(c))
            {
                _position++;
            }
            else if (c == '#' || (c == '-' && At(1) == '-' && (At(2) < 0 || IsSpace((byte)At(2)) || Is((byte)At(2), ControlByte))))
            {
                var end = _sql[_position..].IndexOf((byte)'\n');
                var next = end < 0 ? _sql.Length : _position + end + 1;

                // The servers end such a comment at a zero byte, and then disagree on what that byte means.
                if (_sql[_position..next].Contains((byte)0))
                {
                    return false;
                }

                _position = next;
            }
            else if (c == '/' && At(1) == '*')
            {
                if (!SkipComment())
                {
                    return false;
                }
            }
            else if (c == '*' && _inGate && At(1) == '/')
            {
                Keep(_position, _position + 2);
                _position += 2;
                _inGate = false;
            }
            else
            {
                break;
            }

            token.SpaceBefore = true;
            _separatorNext = false;
        }

        return true;
    }

    private void Keep(int start, int end) => Kept = (Kept.End == 0 ? start : Kept.Start, end);

    private bool SkipComment()
    {
        var mariaOnly = At(2) == 'M' && At(3) == '!';
        if (At(2) == '!' || mariaOnly)
        {
            return EnterGate(mariaOnly);
        }

        var end = _sql[(_position + 2)..].IndexOf("*/"u8);
        if (end < 0)
        {
            return false;
        }

        var next = _position + 2 + end + 2;
        if (_sql[_position..next].Contains((byte)0))
        {
            return false;
        }

        if (At(2) == '+')
        {
            // Where hints are read, their end is looked for outside of quotes; elsewhere they end as any comment.
            if (EndsInQuotes(_sql[(_position + 3)..(next - 2)]))
            {
                return false;
            }

            SawHint = true;
            Keep(_position, next);
        }

        _position = next;
        return true;
    }

    private static bool EndsInQuotes(ReadOnlySpan<byte> hint)
    {
        byte quote = 0;
        foreach (var b in hint)
        {
            quote = quote == 0 ? b is (byte)'\'' or (byte)'"' or (byte)'`' ? b : (byte)0 : b == quote ? (byte)0 : quote;
        }

        return quote != 0;
    }

    private bool EnterGate(bool mariaOnly)
    {
        SawGate = true;
        if (_inGate)
        {
            // A gate inside an open gate: servers of different versions close them at different places.
            return false;
        }

        var start = _position;
        var digits = start + (mariaOnly ? 4 : 3);
        var end = digits;
        while (end < _sql.Length && end < digits + 6 && Is(_sql[end], DigitByte))
        {
            end++;
        }

        var numbered = end - digits >= 5;
        var version = 0;
        if (numbered)
        {
            foreach (var digit in _sql[digits..end])
            {
                version = (version * 10) + (digit - '0');
            }
        }
        else
        {
            end = digits;
        }

        if (IsOpen(mariaOnly, numbered, version))
        {
            Keep(start, end);
            _position = end;
            _inGate = true;
            return true;
        }

        // To MySQL MariaDB's form is a comment like any other, which ends at the first end there is.
        var next = EndOfClosedGate(end, nests: _options.MariaDb || !mariaOnly);
        if (next < 0 || _sql[start..next].Contains((byte)0))
        {
            return false;
        }

        Keep(start, next);
        _position = next;
        return true;
    }

    private readonly bool IsOpen(bool mariaOnly, bool numbered, int version)
    {
        if (_gateMode != GateMode.ByVersion)
        {
            return _gateMode == GateMode.AllOpen;
        }

        if (mariaOnly && !_options.MariaDb)
        {
            return false;
        }

        if (!numbered)
        {
            return true;
        }

        // MariaDB leaves alone what is meant for MySQL 5.7 to 9.99, whose features it does not share.
        return version <= _options.ServerVersion && (mariaOnly || !_options.MariaDb || version is < 50700 or > 99999);
    }

    /// <summary>Past the end of a gate that is skipped; comments in it may nest once where they nest at all. Negative when it does not end.</summary>
    private readonly int EndOfClosedGate(int position, bool nests)
    {
        var nested = false;
        while (position + 1 < _sql.Length)
        {
            var hit = _sql[position..].IndexOfAny((byte)'*', (byte)'/');
            if (hit < 0 || position + hit + 1 >= _sql.Length)
            {
                return -1;
            }

            position += hit;
            var next = _sql[position + 1];
            if (_sql[position] == '*' && next == '/')
            {
                position += 2;
                if (!nested)
                {
                    return position;
                }

                nested = false;
            }
            else if (_sql[position] == '/' && next == '*' && nests && !nested)
            {
                nested = true;
                position += 2;
            }
            else
            {
                position++;
            }
        }

        return -1;
    }
}
