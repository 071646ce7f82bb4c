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
        var keys = new KeyReader();
        var screen = new EditScreen(() => Math.Max(20, Console.WindowWidth));
        var editor = new LineEditor(prompt, history, screen, completer.Complete, text => ShellWords.Split(text).IsOpen);
        editor.Draw();
        Console.TreatControlCAsInput = true;
        terminal.Show(KeyReader.PasteOn);
        try
        {
            while (true)
            {
                terminal.Show(screen.Take());
                KeyPress key = keys.Read();
                EditState state = editor.Press(key, isLast: !keys.IsAvailable);
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
            terminal.Show(KeyReader.PasteOff);
            Console.TreatControlCAsInput = false; // Ctrl-C interrupts the command.
        }
    }
}
