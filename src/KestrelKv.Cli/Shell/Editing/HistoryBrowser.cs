namespace KestrelKv.Cli.Shell.Editing;

/// <summary>A position in the history while a command is edited.</summary>
internal sealed class HistoryBrowser(History history)
{
    private int _at = history.Lines.Count;
    private string _draft = ""; // The text before the first step back.

    /// <summary>Returns the command before the current one; null if there is none.</summary>
    public string? Back(string text)
    {
        if (_at == 0) return null;
        if (_at == history.Lines.Count) _draft = text;
        return history.Lines[--_at];
    }

    /// <summary>Returns the command after the current one, or at the end the text before the first step back; null if the text is that.</summary>
    public string? Forward()
    {
        if (_at == history.Lines.Count) return null;
        return ++_at == history.Lines.Count ? _draft : history.Lines[_at];
    }

    /// <summary>Returns the last command that contains a text; null if there is none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isNext">Whether to search before the current command.</param>
    public string? Find(string text, bool isNext)
    {
        for (int i = Math.Min(isNext ? _at - 1 : _at, history.Lines.Count - 1); i >= 0; i--)
        {
            if (!history.Lines[i].Contains(text, StringComparison.OrdinalIgnoreCase)) continue;
            _at = i;
            return history.Lines[i];
        }
        return null;
    }
}
