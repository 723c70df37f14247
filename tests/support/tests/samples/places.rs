//! Provinces with a city each, trades and the words people write.

pub(crate) struct Place {
    /// As a route table names it.
    pub(crate) province: &'static str,
    /// As the administration names it.
    pub(crate) full: &'static str,
    pub(crate) english: &'static str,
    pub(crate) city: &'static str,
    pub(crate) city_english: &'static str,
    /// The team that sells there.
    pub(crate) team: &'static str,
}

const fn place(team: &'static str, province: [&'static str; 3], city: [&'static str; 2]) -> Place {
    Place {
        province: province[0],
        full: province[1],
        english: province[2],
        city: city[0],
        city_english: city[1],
        team,
    }
}

pub(crate) const PLACES: [Place; 36] = [
    place("east", ["上海", "上海市", "Shanghai"], ["上海", "Shanghai"]),
    place("north", ["北京", "北京市", "Beijing"], ["北京", "Beijing"]),
    place("south", ["广东", "广东省", "Guangdong"], ["广州", "Guangzhou"]),
    place("west", ["四川", "四川省", "Sichuan"], ["成都", "Chengdu"]),
    place("east", ["江苏", "江苏省", "Jiangsu"], ["南京", "Nanjing"]),
    place("east", ["浙江", "浙江省", "Zhejiang"], ["杭州", "Hangzhou"]),
    place("south", ["湖北", "湖北省", "Hubei"], ["武汉", "Wuhan"]),
    place("north", ["山东", "山东省", "Shandong"], ["济南", "Jinan"]),
    place("north", ["河南", "河南省", "Henan"], ["郑州", "Zhengzhou"]),
    place("west", ["重庆", "重庆市", "Chongqing"], ["重庆", "Chongqing"]),
    place("south", ["湖南", "湖南省", "Hunan"], ["长沙", "Changsha"]),
    place("east", ["福建", "福建省", "Fujian"], ["福州", "Fuzhou"]),
    place("east", ["安徽", "安徽省", "Anhui"], ["合肥", "Hefei"]),
    place("east", ["江西", "江西省", "Jiangxi"], ["南昌", "Nanchang"]),
    place("west", ["陕西", "陕西省", "Shaanxi"], ["西安", "Xi'an"]),
    place("north", ["山西", "山西省", "Shanxi"], ["太原", "Taiyuan"]),
    place("north", ["天津", "天津市", "Tianjin"], ["天津", "Tianjin"]),
    place("north", ["河北", "河北省", "Hebei"], ["石家庄", "Shijiazhuang"]),
    place("north", ["辽宁", "辽宁省", "Liaoning"], ["沈阳", "Shenyang"]),
    place("north", ["吉林", "吉林省", "Jilin"], ["长春", "Changchun"]),
    place("north", ["黑龙江", "黑龙江省", "Heilongjiang"], ["哈尔滨", "Harbin"]),
    place("north", ["内蒙古", "内蒙古自治区", "Inner Mongolia"], ["呼和浩特", "Hohhot"]),
    place("south", ["广西", "广西壮族自治区", "Guangxi"], ["南宁", "Nanning"]),
    place("south", ["海南", "海南省", "Hainan"], ["海口", "Haikou"]),
    place("west", ["贵州", "贵州省", "Guizhou"], ["贵阳", "Guiyang"]),
    place("west", ["云南", "云南省", "Yunnan"], ["昆明", "Kunming"]),
    place("west", ["西藏", "西藏自治区", "Tibet"], ["拉萨", "Lhasa"]),
    place("west", ["甘肃", "甘肃省", "Gansu"], ["兰州", "Lanzhou"]),
    place("west", ["青海", "青海省", "Qinghai"], ["西宁", "Xining"]),
    place("west", ["宁夏", "宁夏回族自治区", "Ningxia"], ["银川", "Yinchuan"]),
    place("west", ["新疆", "新疆维吾尔自治区", "Xinjiang"], ["乌鲁木齐", "Urumqi"]),
    place("south", ["香港", "香港特别行政区", "Hong Kong"], ["香港", "Hong Kong"]),
    place("south", ["广东", "广东省", "Guangdong"], ["深圳", "Shenzhen"]),
    place("east", ["江苏", "江苏省", "Jiangsu"], ["苏州", "Suzhou"]),
    place("east", ["浙江", "浙江省", "Zhejiang"], ["宁波", "Ningbo"]),
    place("north", ["辽宁", "辽宁省", "Liaoning"], ["大连", "Dalian"]),
];

pub(crate) struct Trade {
    pub(crate) chinese: &'static str,
    pub(crate) pinyin: &'static str,
    pub(crate) english: &'static str,
    pub(crate) industry: &'static str,
    /// The sandbox CRM's value of that industry.
    pub(crate) code: u8,
}

const fn trade(name: [&'static str; 3], industry: &'static str, code: u8) -> Trade {
    Trade { chinese: name[0], pinyin: name[1], english: name[2], industry, code }
}

pub(crate) const TRADES: [Trade; 13] = [
    trade(["机器人", "jiqiren", "Robotics"], "制造业", 1),
    trade(["汽配", "qipei", "Auto Parts"], "汽车", 2),
    trade(["制药", "zhiyao", "Pharma"], "医药", 3),
    trade(["软件", "ruanjian", "Software"], "信息技术", 4),
    trade(["精工", "jinggong", "Precision"], "制造业", 1),
    trade(["新能源", "xinnengyuan", "Energy"], "能源", 8),
    trade(["租赁", "zulin", "Leasing"], "金融", 5),
    trade(["车身", "cheshen", "Bodyworks"], "汽车", 2),
    trade(["超市", "chaoshi", "Retail"], "零售", 6),
    trade(["仪器", "yiqi", "Instruments"], "制造业", 1),
    trade(["培训", "peixun", "Training"], "教育", 7),
    trade(["器械", "qixie", "Medical"], "医药", 3),
    trade(["物流", "wuliu", "Logistics"], "其他", 9),
];

pub(crate) const SUFFIXES: [&str; 4] = ["有限公司", "股份有限公司", "科技有限公司", "集团有限公司"];

pub(crate) const TITLES: [(&str, &str); 11] = [
    ("总经理", "General Manager"),
    ("生产总监", "Production Director"),
    ("采购经理", "Purchasing Manager"),
    ("信息部主管", "Head of IT"),
    ("工艺工程师", "Process Engineer"),
    ("质量工程师", "Quality Engineer"),
    ("设备科长", "Maintenance Lead"),
    ("副总裁", "VP Operations"),
    ("助理", "Assistant"),
    ("技术员", "Technician"),
    ("市场专员", "Marketing Specialist"),
];

pub(crate) const NEEDS: [(&str, &str); 10] = [
    (
        "想了解产线数据采集方案，预计明年一季度实施",
        "Wants data collection on two lines, start planned for Q1",
    ),
    ("现有 MES 换型，需要三家对比", "Replacing the present MES, comparing three vendors"),
    ("请安排演示，最好下周", "Please arrange a demo, next week if possible"),
    ("报价：20 个点位，含安装", "Quote for 20 stations including installation"),
    ("想看同行业案例", "Would like to see a case of the same industry"),
    ("质量追溯系统，客户审核要求年底前上线", "Quality traceability, an audit demands it by year's end"),
    ("索取白皮书", "Asks for the whitepaper"),
    ("与 ERP 对接是否支持？", "Does it connect to our ERP?"),
    ("集团统一选型，涉及 5 个工厂", "Group-wide selection, five plants"),
    ("先了解一下", "Just looking"),
];

/// Source, medium, code and the words that were searched for.
pub(crate) const CAMPAIGNS: [(&str, &str, &str, &str); 5] = [
    ("baidu", "cpc", "bd-mes-q4", "MES 系统"),
    ("360", "cpc", "so-mes-q4", "生产管理系统"),
    ("wechat", "social", "wx-report", ""),
    ("newsletter", "email", "mail-case", ""),
    ("site", "referral", "site-demo", ""),
];
