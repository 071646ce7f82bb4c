using System.Buffers;
using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>The memory that Redis needs for the same keys and values: a separate server on its own socket, without persistence.</summary>
internal static class RedisMemory
{
    private const int Pipelined = 500;
    private const string Done = "+OK\r\n";

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Returns the growth of resident memory in bytes while the server is filled; null if redis-server is not on the path.
    /// </summary>
    public static long? Measure(StoreSize size)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("redis-");
        string path = Path.Combine(directory.FullName, "socket");
        try
        {
            using Process server = Process.Start(new ProcessStartInfo(
                "redis-server",
                ["--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--logfile", Path.Combine(directory.FullName, "log")]))!;
            try
            {
                using Socket socket = Connect(path);
                long before = SystemMemory.Resident(server.Id);
                Fill(socket, size);
                return SystemMemory.Resident(server.Id) - before;
            }
            finally
            {
                server.Kill();
                server.WaitForExit();
            }
        }
        catch (Win32Exception)
        {
            return null; // redis-server is not installed.
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static Socket Connect(string path)
    {
        for (long start = Stopwatch.GetTimestamp(); ; Thread.Sleep(20))
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                return socket;
            }
            catch (SocketException) when (Stopwatch.GetElapsedTime(start) < StartTimeout)
            {
                socket.Dispose(); // The server is not listening yet.
            }
        }
    }

    private static void Fill(Socket socket, StoreSize size)
    {
        var commands = new ArrayBufferWriter<byte>();
        byte[] replies = new byte[Pipelined * Done.Length];
        byte[] value = new byte[size.ValueBytes];
        Span<byte> key = stackalloc byte[StoreSize.KeyBytes];
        for (int next = 0; next < size.Keys;)
        {
            commands.ResetWrittenCount();
            int count = Math.Min(Pipelined, size.Keys - next);
            for (int i = 0; i < count; i++)
            {
                // SET key value in RESP: an array of three strings with length prefixes.
                StoreSize.WriteKey(next++, key);
                Encoding.ASCII.GetBytes($"*3\r\n$3\r\nSET\r\n${key.Length}\r\n", commands);
                commands.Write(key);
                Encoding.ASCII.GetBytes($"\r\n${value.Length}\r\n", commands);
                commands.Write(value);
                commands.Write("\r\n"u8);
            }
            for (int sent = 0; sent < commands.WrittenCount;) sent += socket.Send(commands.WrittenSpan[sent..]);

            for (int read = 0; read < count * Done.Length;)
                read += socket.Receive(replies.AsSpan(read)) is > 0 and int bytes
                    ? bytes
                    : throw new EndOfStreamException("Redis closed the connection");
            if (!replies.AsSpan(0, Done.Length).SequenceEqual(Encoding.ASCII.GetBytes(Done)))
                throw new InvalidDataException($"Redis replied: {Encoding.ASCII.GetString(replies)}");
        }
    }
}
