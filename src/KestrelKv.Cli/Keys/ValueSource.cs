using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Keys;

/// <summary>A value that the user gives: as an argument, as <c>@FILE</c>, or as <c>-</c> for standard input.</summary>
internal static class ValueSource
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a value.</summary>
    /// <param name="argument">The argument; null for standard input.</param>
    /// <param name="isText">Whether the value is plain text, to be stored as a JSON string.</param>
    /// <param name="terminal">The terminal.</param>
    /// <param name="stop">Cancels the wait for standard input.</param>
    /// <returns>The JSON text, byte for byte.</returns>
    /// <exception cref="CommandFailure">The value is not JSON, or the text is not UTF-8.</exception>
    public static async Task<byte[]> ReadAsync(string? argument, bool isText, Terminal terminal, CancellationToken stop)
    {
        byte[] bytes = argument switch
        {
            null or "-" => await ReadInputAsync(terminal, "a value", stop),
            ['@', .. var file] => await File.ReadAllBytesAsync(file, stop),
            _ => Encoding.UTF8.GetBytes(argument),
        };
        if (isText) return EntryJson.String(TextOf(bytes));
        ReadOnlySpan<byte> trimmed = bytes.AsSpan().Trim(" \t\r\n"u8);
        try
        {
            Check(trimmed);
        }
        catch (JsonException e)
        {
            throw NotJson(argument, e);
        }
        return trimmed.ToArray();
    }

    /// <summary>Reads the standard input to its end.</summary>
    /// <param name="terminal">The terminal.</param>
    /// <param name="what">What a user is asked for, such as <c>a value</c>.</param>
    /// <param name="stop">Cancels the wait.</param>
    public static async Task<byte[]> ReadInputAsync(Terminal terminal, string what, CancellationToken stop)
    {
        if (terminal.IsInputTerminal) terminal.Error.WriteLine($"Enter {what}, then end the input with Ctrl-D:");
        using var all = new MemoryStream();
        await terminal.Input.CopyToAsync(all, stop).WaitAsync(stop);
        return all.ToArray();
    }

    /// <summary>Checks that a text is one JSON value.</summary>
    /// <exception cref="JsonException">It is not.</exception>
    public static void Check(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 100_000 });
        while (reader.Read())
        {
        }
    }

    private static string TextOf(byte[] bytes)
    {
        try
        {
            return Utf8.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw CommandFailure.Usage($"The text has the byte {e.BytesUnknown?[0]:x2} at offset {e.Index}, expected UTF-8");
        }
    }

    private static CommandFailure NotJson(string? argument, JsonException e)
    {
        string given = argument is null or "-" or ['@', ..] ? "" : $" {Shorten(argument)}";
        return CommandFailure.Usage(
            $"The value{given} is not JSON: {PlainMessage.Of(e)}. Quote it for the shell, or use --text to store it as a string");
    }

    private static string Shorten(string argument) => argument.Length <= 100 ? argument : argument[..100] + "...";
}
