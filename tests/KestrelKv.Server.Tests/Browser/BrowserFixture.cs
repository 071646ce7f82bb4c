using KestrelKv.Testing;
using Microsoft.Playwright;

namespace KestrelKv.Server.Tests.Browser;

/// <summary>A server, and the Chromium installed on this machine.</summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    private static readonly string[] Programs = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    internal ServerProcess Server { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        try
        {
            Server = await ServerProcess.StartAsync();
            _playwright = await Playwright.CreateAsync();
            _browser = await _playwright.Chromium.LaunchAsync(new()
            {
                Timeout = (float)Wait.Patience.TotalMilliseconds,
                ExecutablePath = Programs.FirstOrDefault(File.Exists)
                    ?? throw new InvalidOperationException($"No browser is installed: none of {string.Join(", ", Programs)}."),
                Args =
                [
                    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--no-first-run", "--disable-quic",
                ],
            });
        }
        catch
        {
            // xunit does not dispose of a fixture that failed to initialize.
            await DisposeAsync();
            throw;
        }
    }

    /// <summary>Opens a page in its own browser context.</summary>
    internal async Task<IPage> OpenAsync() => await (await OpenContextAsync()).NewPageAsync();

    /// <summary>
    /// Opens a browser context, whose pages share storage. It closes the contexts of earlier tests, because their pages use memory and
    /// processor time.
    /// </summary>
    internal async Task<IBrowserContext> OpenContextAsync()
    {
        foreach (IBrowserContext earlier in _browser!.Contexts.ToArray()) await earlier.CloseAsync();
        IBrowserContext context = await _browser.NewContextAsync(new()
        {
            BaseURL = Server.Admin.ToString(),
            ViewportSize = new() { Width = 1280, Height = 900 },
            Permissions = ["clipboard-read"],
        });
        context.SetDefaultTimeout((float)Wait.Patience.TotalMilliseconds);
        return context;
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
        if (Server is not null) await Server.DisposeAsync();
    }
}
