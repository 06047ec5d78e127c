/** What surrounds texts on bad pages; written for the project. */
export const MENUS: readonly string[] = [
  "Home | About us | Products | Support | Contact | Log in",
  "Start > Archive > Articles > Page 3",
  "MENU  Home  News  Shop  Forum  Gallery  Downloads  Sign up",
  "Skip to content  Search  Menu  Close",
  "You are here: Home / Topics / General / Read",
  "Categories: Garden (14) House (9) Travel (22) Other (107)",
  "EN DE FR ES  Help  My account  Basket (0)",
  "« Previous   1 2 3 4 5 ... 88   Next »",
];

export const BANNERS: readonly string[] = [
  "We use cookies to improve your experience. By continuing to browse you agree to our use of cookies. Accept all  Settings  Reject",
  "This site uses cookies and similar technologies. Learn more in our privacy policy. OK",
  "Subscribe to our newsletter! Enter your e-mail address and never miss an offer again. Subscribe now",
  "Please enable scripts in your browser to view this page correctly.",
  "You have read 4 of 5 free articles this month. Sign in to continue reading.",
  "ADVERTISEMENT - article continues below",
  "Install our app for the best experience. Open  Not now",
  "You have been logged out. Please log in again. Forgotten your password?",
  "Loading... Please wait. If nothing happens, click here.",
  "Only today: 20% off everything with code SAVE20. Terms apply.",
];

export const SHARES: readonly string[] = [
  "Share this: Mail  Print  Copy link  More",
  "Like  Reply  Report  Share  Save  0 comments",
  "Rate this article: 1 2 3 4 5 (Average 3.7, 112 votes)",
  "Was this page helpful? Yes  No  Send feedback",
  "Posted by admin on 03.11. at 14:22 | 3 views | Leave a comment",
  "Tags: read, more, best, free, online, tips, top, new",
  "Read more...  Read more...  Read more...",
  "You may also like: 10 things you did not know | The best of the week | Editor's choice",
];

export const FOOTERS: readonly string[] = [
  "All rights reserved. Imprint | Privacy | Terms of use | Sitemap | Accessibility",
  "Back to top",
  "Powered by a content management system. Theme: Simple Blue. Page created in 0.231 seconds.",
  "Contact | Careers | Press | Advertise with us | Do not sell my data",
  "Last updated: 12 months ago. Visitors today: 18. Visitors total: 402,117.",
  "No part of this page may be reproduced. Prices include tax. Errors excepted.",
];

export const SPAM_WORDS: readonly string[] =
  "buy cheap best online free shipping discount price offer sale new top deal order now click here win prize bonus limited review quality guaranteed store code save today only".split(
    " ",
  );
