using System.Text;

namespace KestrelKv.Cli.Shell.Editing;

/// <summary>What a key does in the editor.</summary>
internal enum EditAction
{
    None,
    Insert,
    Accept,
    Cancel,
    EndOfInput,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    KillLeft,
    KillRight,
    KillWordLeft,
    KillWordRight,
    Yank,
    ClearScreen,
    Search,
    Escape,
    Complete,
}

/// <summary>A key.</summary>
/// <param name="Action">What the key does.</param>
/// <param name="Text">The text that it inserts.</param>
internal readonly record struct KeyPress(EditAction Action, string Text = "")
{
    /// <summary>Returns the meaning of a key of the terminal.</summary>
    public static KeyPress Of(ConsoleKeyInfo key)
    {
        bool isAlt = (key.Modifiers & ConsoleModifiers.Alt) != 0, isControl = (key.Modifiers & ConsoleModifiers.Control) != 0;
        EditAction action = OfNamed(key.Key, isAlt || isControl);
        if (action == EditAction.None && isAlt) action = OfAlt(char.ToLowerInvariant(key.KeyChar));
        if (action == EditAction.None && !isAlt) action = OfControl(key.KeyChar);
        if (action != EditAction.None || isAlt) return new(action);
        return char.IsSurrogate(key.KeyChar) || Rune.IsValid(key.KeyChar) && !char.IsControl(key.KeyChar)
            ? new(EditAction.Insert, key.KeyChar.ToString()) : default;
    }

    private static EditAction OfNamed(ConsoleKey key, bool isWord) => key switch
    {
        ConsoleKey.LeftArrow => isWord ? EditAction.WordLeft : EditAction.Left,
        ConsoleKey.RightArrow => isWord ? EditAction.WordRight : EditAction.Right,
        ConsoleKey.UpArrow => EditAction.Up,
        ConsoleKey.DownArrow => EditAction.Down,
        ConsoleKey.Home => EditAction.Home,
        ConsoleKey.End => EditAction.End,
        ConsoleKey.Delete => isWord ? EditAction.KillWordRight : EditAction.Delete,
        ConsoleKey.Backspace => isWord ? EditAction.KillWordLeft : EditAction.Backspace,
        ConsoleKey.Enter => EditAction.Accept,
        ConsoleKey.Tab => EditAction.Complete,
        ConsoleKey.Escape => EditAction.Escape,
        _ => EditAction.None,
    };

    private static EditAction OfAlt(char letter) => letter switch
    {
        'b' => EditAction.WordLeft,
        'f' => EditAction.WordRight,
        'd' => EditAction.KillWordRight,
        _ => EditAction.None,
    };

    private static EditAction OfControl(char c) => c switch
    {
        '\x01' => EditAction.Home,
        '\x02' => EditAction.Left,
        '\x03' => EditAction.Cancel,
        '\x04' => EditAction.EndOfInput,
        '\x05' => EditAction.End,
        '\x06' => EditAction.Right,
        '\a' => EditAction.Escape,
        '\b' or '\x7f' => EditAction.Backspace,
        '\t' => EditAction.Complete,
        '\n' or '\r' => EditAction.Accept,
        '\v' => EditAction.KillRight,
        '\f' => EditAction.ClearScreen,
        '\x0e' => EditAction.Down,
        '\x10' => EditAction.Up,
        '\x12' => EditAction.Search,
        '\x15' => EditAction.KillLeft,
        '\x17' => EditAction.KillWordLeft,
        '\x19' => EditAction.Yank,
        _ => EditAction.None,
    };
}
