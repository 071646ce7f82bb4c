using System.Text;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>Redis', version 2: a request is an array of strings, each behind its length.</summary>
internal sealed class RespProtocol : ILoadProtocol
{
    public int OverheadBytesMax => 64;

    public int WriteGet(Span<byte> output, ReadOnlySpan<byte> key)
    {
        var command = new ByteWriter(output);
        command.Write("*2\r\n$3\r\nGET"u8);
        WriteString(ref command, key);
        command.Write("\r\n"u8);
        return command.Count;
    }

    public int WritePut(Span<byte> output, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var command = new ByteWriter(output);
        command.Write("*3\r\n$3\r\nSET"u8);
        WriteString(ref command, key);
        WriteString(ref command, value);
        command.Write("\r\n"u8);
        return command.Count;
    }

    public int TakeGet(ReadOnlySpan<byte> replies, ReadOnlySpan<byte> key, int valueBytes)
    {
        // $<length>\r\n<value>\r\n
        Span<byte> head = stackalloc byte[16];
        var expected = new ByteWriter(head);
        expected.Write("$"u8);
        expected.Write(valueBytes);
        expected.Write("\r\n"u8);
        int bytes = Take(replies, head[..expected.Count]);
        return bytes == 0 || replies.Length < bytes + valueBytes + 2 ? 0 : bytes + valueBytes + 2;
    }

    public int TakePut(ReadOnlySpan<byte> replies, ReadOnlySpan<byte> key) => Take(replies, "+OK\r\n"u8);

    public bool IsGetAnswered(ReadOnlySpan<byte> reply) => reply.StartsWith("$"u8);

    private static void WriteString(ref ByteWriter command, ReadOnlySpan<byte> text)
    {
        command.Write("\r\n$"u8);
        command.Write(text.Length);
        command.Write("\r\n"u8);
        command.Write(text);
    }

    private static int Take(ReadOnlySpan<byte> replies, ReadOnlySpan<byte> expected)
    {
        if (replies.StartsWith(expected)) return expected.Length;
        int end = replies.IndexOf("\r\n"u8);
        return end < 0 ? 0 : throw new InvalidDataException($"not the reply expected: {Encoding.UTF8.GetString(replies[..end])}");
    }
}
