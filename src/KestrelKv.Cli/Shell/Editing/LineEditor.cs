using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Shell.Editing;

/// <summary>Words that may replace the text from a start to the cursor.</summary>
/// <param name="Start">The index of the text that is replaced.</param>
/// <param name="Words">The words, in order. A word that ends an argument has a space at its end.</param>
internal sealed record Completions(int Start, IReadOnlyList<string> Words);

/// <summary>What a key has led to.</summary>
internal enum EditState
{
    Editing,
    Accepted,
    Canceled,
    EndOfInput,
}

/// <summary>Edits a command of one or more lines: keys in, screen out. It knows no terminal.</summary>
/// <param name="prompt">The prompt.</param>
/// <param name="history">Earlier commands.</param>
/// <param name="screen">Draws the text.</param>
/// <param name="complete">Returns completions for a text and a cursor.</param>
/// <param name="isOpen">Returns whether a text is continued on the next line.</param>
internal sealed class LineEditor(
    string prompt, History history, EditScreen screen, Func<string, int, Completions> complete, Func<string, bool> isOpen)
{
    private const string NextPrompt = "... ";

    private readonly TextBuffer _buffer = new();
    private readonly HistoryBrowser _browser = new(history);
    private string? _search; // Null if no search is in progress.

    public string Text => _buffer.Text;

    /// <summary>Draws the prompt and the text.</summary>
    public void Draw()
    {
        if (_search is null) screen.Draw(prompt, NextPrompt, _buffer.Text, _buffer.Cursor);
        else screen.Draw($"(search)'{_search}': ", NextPrompt, _buffer.Text, _buffer.Cursor);
    }

    /// <summary>Executes a key, and draws the text.</summary>
    /// <param name="key">The key.</param>
    /// <param name="isLast">Whether no further key is available. Otherwise the text is drawn with a later key.</param>
    public EditState Press(KeyPress key, bool isLast = true)
    {
        if (_search is not null && Search(key))
        {
            if (isLast) Draw();
            return EditState.Editing;
        }
        _search = null;
        EditState state = key.Action switch
        {
            EditAction.Accept when !isOpen(_buffer.Text) => EditState.Accepted,
            EditAction.Cancel => EditState.Canceled,
            EditAction.EndOfInput when _buffer.Text.Length == 0 => EditState.EndOfInput,
            _ => EditState.Editing,
        };
        if (state == EditState.Editing) Edit(key);
        else _buffer.Move(_buffer.Text.Length);
        if (isLast || state != EditState.Editing) Draw();
        if (state != EditState.Editing) screen.EndLine();
        return state;
    }

    private void Edit(KeyPress key)
    {
        switch (key.Action)
        {
            case EditAction.Insert: _buffer.Insert(key.Text); break;
            case EditAction.Accept: _buffer.Set(_buffer.Text + "\n"); break;
            case EditAction.Backspace: _buffer.Delete(_buffer.Left(), _buffer.Cursor, isKill: false); break;
            case EditAction.Delete or EditAction.EndOfInput: _buffer.Delete(_buffer.Cursor, _buffer.Right(), isKill: false); break;
            case EditAction.KillLeft: _buffer.Delete(_buffer.LineBegin(), _buffer.Cursor, isKill: true); break;
            case EditAction.KillRight: _buffer.Delete(_buffer.Cursor, _buffer.LineEnd(), isKill: true); break;
            case EditAction.KillWordLeft: _buffer.Delete(_buffer.ArgumentLeft(), _buffer.Cursor, isKill: true); break;
            case EditAction.KillWordRight: _buffer.Delete(_buffer.Cursor, _buffer.WordRight(), isKill: true); break;
            case EditAction.Yank: _buffer.Yank(); break;
            case EditAction.Search: _search = ""; break;
            case EditAction.ClearScreen: screen.Clear(); break;
            case EditAction.Complete: Complete(); break;
            default: Move(key.Action); break;
        }
    }

    private void Move(EditAction action)
    {
        switch (action)
        {
            case EditAction.Left: _buffer.Move(_buffer.Left()); break;
            case EditAction.Right: _buffer.Move(_buffer.Right()); break;
            case EditAction.WordLeft: _buffer.Move(_buffer.WordLeft()); break;
            case EditAction.WordRight: _buffer.Move(_buffer.WordRight()); break;
            case EditAction.Home: _buffer.Move(_buffer.LineBegin()); break;
            case EditAction.End: _buffer.Move(_buffer.LineEnd()); break;
            case EditAction.Up when !_buffer.TryMoveLine(-1): Show(_browser.Back(_buffer.Text)); break;
            case EditAction.Down when !_buffer.TryMoveLine(1): Show(_browser.Forward()); break;
        }
    }

    private void Show(string? text)
    {
        if (text is not null) _buffer.Set(text);
    }

    /// <summary>Executes a key of a search in the history.</summary>
    /// <returns>False if the key ends the search, and is to be executed on the command that was found.</returns>
    private bool Search(KeyPress key)
    {
        switch (key.Action)
        {
            case EditAction.Insert:
                _search += key.Text;
                Show(_browser.Find(_search, isNext: false));
                return true;
            case EditAction.Backspace:
                _search = _search!.Length > 0 ? _search[..^1] : "";
                Show(_browser.Find(_search, isNext: false));
                return true;
            case EditAction.Search:
                Show(_browser.Find(_search!, isNext: true));
                return true;
            case EditAction.Escape:
                _search = null;
                return true;
            default:
                return false;
        }
    }

    /// <summary>Inserts the text that all completions begin with, or shows them if that is no more than what is there.</summary>
    private void Complete()
    {
        (int start, IReadOnlyList<string> words) = complete(_buffer.Text, _buffer.Cursor);
        if (words.Count == 0) return;
        string common = words.Aggregate(CommonStart), typed = _buffer.Text[start.._buffer.Cursor];
        if (words.Count == 1 || common.Length > typed.Length) _buffer.Replace(start, common);
        else
        {
            int cursor = _buffer.Cursor;
            _buffer.Move(_buffer.Text.Length);
            Draw();
            screen.List([.. words.Select(word => DisplayText.Of(word.TrimEnd()))]);
            _buffer.Move(cursor);
        }
    }

    private static string CommonStart(string one, string other)
    {
        int length = one.AsSpan().CommonPrefixLength(other);
        if (length > 0 && length < one.Length && char.IsHighSurrogate(one[length - 1])) length--;
        return one[..length];
    }
}
