using System.Globalization;

namespace KestrelKv.Cli.Shell.Editing;

/// <summary>A text with a cursor, which is always between two text elements (characters as the user sees them).</summary>
internal sealed class TextBuffer
{
    private string _killed = "";

    public string Text { get; private set; } = "";

    /// <summary>The index of the cursor, 0 to the length of the text.</summary>
    public int Cursor { get; private set; }

    public void Set(string text, int? cursor = null) => (Text, Cursor) = (text, cursor ?? text.Length);

    /// <summary>Replaces the text from a start to the cursor.</summary>
    public void Replace(int start, string text) => Set(Text[..start] + text + Text[Cursor..], start + text.Length);

    public void Insert(string text) => Replace(Cursor, text);

    public void Move(int index) => Cursor = index;

    public void Delete(int from, int to, bool isKill)
    {
        if (from == to) return;
        if (isKill) _killed = Text[from..to];
        Set(Text.Remove(from, to - from), from);
    }

    /// <summary>Inserts the text that was killed last.</summary>
    public void Yank() => Insert(_killed);

    /// <summary>Returns the index of the text element before the cursor.</summary>
    public int Left() => StringInfo.ParseCombiningCharacters(Text).LastOrDefault(start => start < Cursor, 0);

    /// <summary>Returns the index behind the text element at the cursor.</summary>
    public int Right() => Cursor >= Text.Length ? Cursor : Cursor + StringInfo.GetNextTextElementLength(Text, Cursor);

    /// <summary>Returns the beginning of the word before the cursor. A word is a sequence of letters and digits.</summary>
    public int WordLeft()
    {
        int at = Cursor;
        while (at > 0 && !IsWord(at - 1)) at--;
        while (at > 0 && IsWord(at - 1)) at--;
        return at;
    }

    /// <summary>Returns the beginning of the argument before the cursor: white space ends it.</summary>
    public int ArgumentLeft()
    {
        int at = Cursor;
        while (at > 0 && char.IsWhiteSpace(Text[at - 1])) at--;
        while (at > 0 && !char.IsWhiteSpace(Text[at - 1])) at--;
        return at;
    }

    /// <summary>Returns the end of the word behind the cursor.</summary>
    public int WordRight()
    {
        int at = Cursor;
        while (at < Text.Length && !IsWord(at)) at++;
        while (at < Text.Length && IsWord(at)) at++;
        return at;
    }

    /// <summary>Returns the beginning of the line with the cursor.</summary>
    public int LineBegin() => Cursor == 0 ? 0 : Text.LastIndexOf('\n', Cursor - 1) + 1;

    /// <summary>Returns the end of the line with the cursor.</summary>
    public int LineEnd() => Text.IndexOf('\n', Cursor) is var end and >= 0 ? end : Text.Length;

    /// <summary>Moves the cursor to the line above or below.</summary>
    /// <returns>Whether there is one.</returns>
    public bool TryMoveLine(int direction)
    {
        int begin = LineBegin(), column = Cursor - begin, target = direction < 0 ? begin - 1 : LineEnd() + 1;
        if (target < 0 || target > Text.Length) return false;
        Cursor = target;
        int line = LineBegin();
        Cursor = line;
        Cursor = ElementStart(Math.Min(line + column, LineEnd()));
        return true;
    }

    private int ElementStart(int index) =>
        index == Text.Length ? index : StringInfo.ParseCombiningCharacters(Text).LastOrDefault(start => start <= index, 0);

    private bool IsWord(int index) => char.IsLetterOrDigit(Text[index]) || char.IsSurrogate(Text[index]);
}
