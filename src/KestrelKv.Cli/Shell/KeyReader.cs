using System.Text;
using KestrelKv.Cli.Shell.Editing;

namespace KestrelKv.Cli.Shell;

/// <summary>Reads keys from a terminal. Text that is pasted or available at once is one key.</summary>
internal sealed class KeyReader
{
    /// <summary>Lets the terminal enclose pasted text in <c>ESC[200~</c> and <c>ESC[201~</c> (bracketed paste of xterm).</summary>
    public const string PasteOn = "\e[?2004h";

    public const string PasteOff = "\e[?2004l";

    private const string PasteBegin = "[200~";
    private const string PasteEnd = "\e[201~";

    private readonly Queue<ConsoleKeyInfo> _pending = new(); // Keys after an escape that began no paste.

    /// <summary>Whether a key can be read without a wait.</summary>
    public bool IsAvailable => _pending.Count > 0 || Console.KeyAvailable;

    /// <summary>Reads a key.</summary>
    public KeyPress Read()
    {
        bool isPending = _pending.Count > 0;
        ConsoleKeyInfo key = Next();
        if (!isPending && key.KeyChar == '\e' && BeginsPaste()) return new(EditAction.Insert, ReadPaste());
        KeyPress press = KeyPress.Of(key);
        return press.Action == EditAction.Insert ? press with { Text = ReadText(press.Text) } : press;
    }

    private ConsoleKeyInfo Next() => _pending.TryDequeue(out ConsoleKeyInfo key) ? key : Console.ReadKey(intercept: true);

    /// <summary>Reads further characters that are available. One outside of the basic plane, such as an emoji, arrives in two parts.</summary>
    private string ReadText(string first)
    {
        var text = new StringBuilder(first);
        while (char.IsHighSurrogate(text[^1]) || _pending.Count == 0 && Console.KeyAvailable)
        {
            ConsoleKeyInfo key = Next();
            if (KeyPress.Of(key) is { Action: EditAction.Insert } press) text.Append(press.Text);
            else
            {
                _pending.Enqueue(key);
                if (key.KeyChar == '\e' && BeginsPaste())
                {
                    _pending.Clear();
                    text.Append(ReadPaste());
                }
                break;
            }
        }
        return text.ToString();
    }

    /// <summary>Reads the rest of the sequence that begins a paste. Other keys stay pending.</summary>
    private bool BeginsPaste()
    {
        int before = _pending.Count;
        foreach (char expected in PasteBegin)
        {
            if (!Console.KeyAvailable) return false;
            ConsoleKeyInfo key = Console.ReadKey(intercept: true);
            _pending.Enqueue(key);
            if (key.KeyChar != expected) return false;
        }
        if (before == 0) _pending.Clear();
        return true;
    }

    /// <summary>Reads pasted text to its end. A terminal sends a carriage return for a line feed.</summary>
    private static string ReadPaste()
    {
        var text = new StringBuilder();
        while (true)
        {
            ConsoleKeyInfo key = Console.ReadKey(intercept: true);
            if ((key.Modifiers & ConsoleModifiers.Alt) != 0) text.Append('\e'); // Where a read ends within a sequence.
            if (key.KeyChar != '\0') text.Append(key.KeyChar);
            int length = text.Length - PasteEnd.Length;
            if (key.KeyChar != '~' || length < 0 || text.ToString(length, PasteEnd.Length) != PasteEnd) continue;
            text.Length = length;
            return text.Replace("\r\n", "\n").Replace('\r', '\n').ToString();
        }
    }
}
