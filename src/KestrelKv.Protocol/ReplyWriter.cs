using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace KestrelKv.Protocol;

/// <summary>
/// Writes reply frames. One method a reply, its shape in the comment; the text is what Python's <c>json.dumps</c>
/// makes of it.
/// </summary>
/// <remarks>
/// Replies are gathered in a block got from the output, so that many small ones cost one <c>Advance</c>:
/// <see cref="Commit"/> must follow the last of a run, before the output is flushed. Not for use by two threads.
/// </remarks>
public sealed class ReplyWriter(IBufferWriter<byte> output)
{
    private const int BlockBytes = 4_096;

    private Memory<byte> _block;
    private int _used;

    /// <summary>Bytes written since the beginning, without those taken back.</summary>
    public long BytesWritten { get; private set; }

    /// <summary><c>{"status": "OK", "response": {"func": "PUT", "response": {"obj": KEY, "response": "ok"}}}</c></summary>
    /// <param name="keyText">The key as a JSON string, with its quotes.</param>
    public void WritePut(ReadOnlySpan<byte> keyText)
    {
        ReadOnlySpan<byte> head = "{\"status\": \"OK\", \"response\": {\"func\": \"PUT\", \"response\": {\"obj\": "u8;
        ReadOnlySpan<byte> tail = ", \"response\": \"ok\"}}}"u8;
        WriteHeader(head.Length + keyText.Length + tail.Length);
        Write(head);
        Write(keyText);
        Write(tail);
    }

    /// <summary><c>{"status": "OK", "response": {"func": "GET", "response": {"obj": KEY, "val": VALUE}}}</c></summary>
    /// <param name="keyText">The key as a JSON string, with its quotes.</param>
    /// <param name="value">The value's text, <c>null</c> for a key that is not there.</param>
    public void WriteGet(ReadOnlySpan<byte> keyText, ReadOnlySpan<byte> value)
    {
        ReadOnlySpan<byte> head = "{\"status\": \"OK\", \"response\": {\"func\": \"GET\", \"response\": {\"obj\": "u8;
        ReadOnlySpan<byte> middle = ", \"val\": "u8;
        ReadOnlySpan<byte> tail = "}}}"u8;
        WriteHeader(head.Length + keyText.Length + middle.Length + value.Length + tail.Length);
        Write(head);
        Write(keyText);
        Write(middle);
        Write(value);
        Write(tail);
    }

    /// <summary><c>{"status": "OK", "response": {"func": FUNC, "response": "ERROR - Function doesn't exist"}}</c></summary>
    /// <param name="functionText">The function's name as a JSON string, with its quotes.</param>
    public void WriteUnknownFunction(ReadOnlySpan<byte> functionText)
    {
        ReadOnlySpan<byte> head = "{\"status\": \"OK\", \"response\": {\"func\": "u8;
        ReadOnlySpan<byte> tail = ", \"response\": \"ERROR - Function doesn't exist\"}}"u8;
        WriteHeader(head.Length + functionText.Length + tail.Length);
        Write(head);
        Write(functionText);
        Write(tail);
    }

    /// <summary><c>{"status": "ERROR", "error": {"code": "CODE", "message": "MESSAGE"}}</c></summary>
    public void WriteError(ProtocolError error)
    {
        ReadOnlySpan<byte> head = "{\"status\": \"ERROR\", \"error\": {\"code\": "u8;
        ReadOnlySpan<byte> middle = ", \"message\": "u8;
        ReadOnlySpan<byte> tail = "}}"u8;
        byte[] code = JsonSerializer.SerializeToUtf8Bytes(ErrorCodes.Text(error.Code));
        byte[] message = JsonSerializer.SerializeToUtf8Bytes(error.Message, Relaxed);
        WriteHeader(head.Length + code.Length + middle.Length + message.Length + tail.Length);
        Write(head);
        Write(code);
        Write(middle);
        Write(message);
        Write(tail);
    }

    /// <summary>An HTTP response that says what this port is: the only thing that is no frame.</summary>
    public void WriteHttp() => Write(HttpText.Response);

    /// <summary>Forgets all that was written after <see cref="BytesWritten"/> was <paramref name="mark"/>.</summary>
    /// <returns>False where the output has some of it already; then nothing is forgotten.</returns>
    public bool TryTakeBack(long mark)
    {
        long surplus = BytesWritten - mark;
        if (surplus > _used) return false;
        _used -= (int)surplus;
        BytesWritten = mark;
        return true;
    }

    /// <summary>Hands what was written to the output.</summary>
    public void Commit()
    {
        if (_used > 0) output.Advance(_used);
        _block = default;
        _used = 0;
    }

    /// <summary>Leaves quotes and apostrophes in messages readable to a person who looks at the bytes.</summary>
    private static readonly JsonSerializerOptions Relaxed =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private void WriteHeader(int bodyBytes)
    {
        Span<byte> header = stackalloc byte[FrameReader.HeaderBytes];
        BinaryPrimitives.WriteInt32LittleEndian(header, FrameReader.Version);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], bodyBytes);
        Write(header);
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        BytesWritten += bytes.Length;
        while (true)
        {
            Span<byte> free = _block.Span[_used..];
            if (bytes.Length <= free.Length)
            {
                bytes.CopyTo(free);
                _used += bytes.Length;
                return;
            }

            bytes[..free.Length].CopyTo(free);
            _used += free.Length;
            bytes = bytes[free.Length..];
            Commit();
            _block = output.GetMemory(BlockBytes);
        }
    }
}
