using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Shell.Editing;

namespace KestrelKv.Cli.Shell;

/// <summary>Reads commands from a terminal.</summary>
internal sealed class ShellInput(Terminal terminal, string prompt, History history, ShellCompleter completer)
{
    /// <summary>Reads a command.</summary>
    /// <returns>The command; null at the end of the input.</returns>
    public string? Read()
    {
        var screen = new EditScreen(() => Math.Max(20, Console.WindowWidth));
        var editor = new LineEditor(prompt, history, screen, completer.Complete, text => ShellWords.Split(text).IsOpen);
        editor.Draw();
        Console.TreatControlCAsInput = true;
        try
        {
            while (true)
            {
                terminal.Show(screen.Take());
                EditState state = editor.Press(ReadKey());
                if (state == EditState.Editing) continue;
                terminal.Show(screen.Take());
                return state switch
                {
                    EditState.Accepted => editor.Text,
                    EditState.Canceled => "",
                    _ => null,
                };
            }
        }
        finally
        {
            Console.TreatControlCAsInput = false; // Ctrl-C interrupts the command.
        }
    }

    private static KeyPress ReadKey()
    {
        KeyPress key = KeyPress.Of(Console.ReadKey(intercept: true));

        // A character outside of the basic plane, such as an emoji, arrives in two parts.
        return key is { Action: EditAction.Insert, Text: [var high] } && char.IsHighSurrogate(high)
            ? key with { Text = key.Text + Console.ReadKey(intercept: true).KeyChar }
            : key;
    }
}
